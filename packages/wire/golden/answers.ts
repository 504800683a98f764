import type {
  ConsumerGroupHeartbeatRequest,
  CreatePartitionsRequest,
  CreateTopicsRequest,
  DeleteGroupsRequest,
  DeleteRecordsRequest,
  DeleteTopicsRequest,
  DescribeConfigsRequest,
  DescribeGroupsRequest,
  FetchRequest,
  FindCoordinatorRequest,
  InferInput,
  JoinGroupRequest,
  ListOffsetsRequest,
  MetadataResponse,
  OffsetCommitRequest,
  OffsetDeleteRequest,
  OffsetFetchRequest,
  ProduceRequest,
  SyncGroupRequest,
} from '../src/mod.ts'

/** What an answer may depend on besides the request. */
export interface Context {
  readonly port: number
  readonly version: number
  readonly topicId: string
}

const host = '127.0.0.1'
const topicName = 'golden'
const member = 'member-1'

/**
 * Per API key, the body of an answer that lets a client carry on; null sends none. One broker, one topic with one
 * partition, one group with one member. Requests decoded by the schema are trusted to have its shape.
 */
export const answers: { readonly [apiKey: number]: (request: never, context: Context) => unknown } = {
  0: (request: ProduceRequest) =>
    request.acks === 0
      ? null
      : {
          responses: request.topicData.map(({ name, topicId, partitionData }) => ({
            name,
            topicId,
            partitionResponses: partitionData.map(({ index }) => ({ index, logStartOffset: 0 })),
          })),
        },
  1: (request: FetchRequest) => ({
    responses: request.topics.map(({ topic, topicId, partitions }) => ({
      topic,
      topicId,
      partitions: partitions.map(({ partition }) => ({
        partitionIndex: partition,
        lastStableOffset: 0,
        logStartOffset: 0,
        records: Buffer.alloc(0),
      })),
    })),
  }),
  2: (request: ListOffsetsRequest) => ({
    topics: request.topics.map(({ name, partitions }) => ({
      name,
      partitions: partitions.map(({ partitionIndex }) => ({ partitionIndex, offset: 0 })),
    })),
  }),
  3: (_request, { port, topicId }): InferInput<typeof MetadataResponse> => ({
    brokers: [{ nodeId: 1, host, port }],
    clusterId: 'golden-cluster',
    controllerId: 1,
    topics: [
      {
        name: topicName,
        topicId,
        partitions: [{ leaderId: 1, leaderEpoch: 0, replicaNodes: [1], isrNodes: [1] }],
      },
    ],
  }),
  8: (request: OffsetCommitRequest) => ({
    topics: request.topics.map(({ name, topicId, partitions }) => ({
      name,
      topicId,
      partitions: partitions.map(({ partitionIndex }) => ({ partitionIndex })),
    })),
  }),
  9: (request: OffsetFetchRequest) => ({
    topics: request.topics?.map(({ name, partitionIndexes }) => ({
      name,
      partitions: partitionIndexes.map((partitionIndex) => ({ partitionIndex, committedOffset: -1 })),
    })),
    groups: request.groups.map(({ groupId, topics }) => ({
      groupId,
      topics: (topics ?? []).map(({ name, topicId, partitionIndexes }) => ({
        name,
        topicId,
        partitions: partitionIndexes.map((partitionIndex) => ({ partitionIndex, committedOffset: -1 })),
      })),
    })),
  }),
  10: (request: FindCoordinatorRequest, { port, version }) =>
    version < 4
      ? { nodeId: 1, host, port }
      : { coordinators: request.coordinatorKeys.map((key) => ({ key, nodeId: 1, host, port })) },
  11: (request: JoinGroupRequest) => ({
    generationId: 1,
    protocolType: request.protocolType,
    protocolName: request.protocols[0]!.name,
    leader: member,
    memberId: member,
    members: [{ memberId: member, metadata: request.protocols[0]!.metadata }],
  }),
  12: () => ({}),
  13: () => ({}),
  14: (request: SyncGroupRequest) => ({
    protocolType: request.protocolType,
    protocolName: request.protocolName,
    assignment: request.assignments[0]!.assignment,
  }),
  15: (request: DescribeGroupsRequest) => ({
    groups: request.groups.map((groupId) => ({ groupId, groupState: 'Empty', protocolType: 'consumer' })),
  }),
  16: () => ({ groups: [{ groupId: 'golden-group', protocolType: 'consumer', groupState: 'Empty' }] }),
  19: (request: CreateTopicsRequest, { topicId }) => ({
    topics: request.topics.map(({ name }) => ({ name, topicId, numPartitions: 1, replicationFactor: 1, configs: [] })),
  }),
  20: (request: DeleteTopicsRequest) => ({
    responses: [...request.topicNames, ...request.topics.map(({ name }) => name)].map((name) => ({ name })),
  }),
  21: (request: DeleteRecordsRequest) => ({
    topics: request.topics.map(({ name, partitions }) => ({
      name,
      partitions: partitions.map(({ partitionIndex }) => ({ partitionIndex })),
    })),
  }),
  22: () => ({ producerId: 4000, producerEpoch: 0 }),
  24: () => ({ resultsByTransaction: [], resultsByTopicV3AndBelow: [] }),
  25: () => ({}),
  26: () => ({}),
  28: () => ({}),
  29: () => ({}),
  30: () => ({ results: [{}] }),
  31: () => ({ filterResults: [{}] }),
  32: (request: DescribeConfigsRequest) => ({
    results: request.resources.map(({ resourceType, resourceName }) => ({
      resourceType,
      resourceName,
      configs: [{ name: 'retention.ms', value: '604800000', configSource: 5 }],
    })),
  }),
  33: () => ({ responses: [{ resourceType: 2, resourceName: topicName }] }),
  35: () => ({ results: [{ logDir: '/data' }] }),
  37: (request: CreatePartitionsRequest) => ({ results: request.topics.map(({ name }) => ({ name })) }),
  42: (request: DeleteGroupsRequest) => ({ results: request.groupsNames.map((groupId) => ({ groupId })) }),
  44: () => ({ responses: [{ resourceType: 2, resourceName: topicName }] }),
  45: () => ({}),
  46: () => ({}),
  47: (request: OffsetDeleteRequest) => ({
    topics: request.topics.map(({ name, partitions }) => ({
      name,
      partitions: partitions.map(({ partitionIndex }) => ({ partitionIndex })),
    })),
  }),
  68: (request: ConsumerGroupHeartbeatRequest, { topicId }) => ({
    memberId: request.memberId,
    memberEpoch: request.memberEpoch < 0 ? request.memberEpoch : 1,
    heartbeatIntervalMs: 1000,
    assignment: { topicPartitions: [{ topicId, partitions: [0] }] },
  }),
}
