import type { Infer } from '../schema/schema.ts'
import { array, bool, int16, int32, message, string, struct, uuid } from '../schema/schema.ts'

/** Asks for brokers, topics and leaders. All topics: null from version 1 on, an empty array in version 0. */
export const MetadataRequest = message(
  'MetadataRequest',
  { apiKey: 3, versions: [0, 13], flexible: 9 },
  {
    topics: array(
      struct({
        /** Zero when asked by name. */
        topicId: uuid.since(10).ignorable(),
        name: string.nullable(10),
      }),
    ).nullable(1),
    /** Before version 4, creation was always allowed. */
    allowAutoTopicCreation: bool.since(4).default(true),
    includeClusterAuthorizedOperations: bool.since(8).until(10),
    includeTopicAuthorizedOperations: bool.since(8),
  },
)
export type MetadataRequest = Infer<typeof MetadataRequest>

/** The cluster as clients see it. */
export const MetadataResponse = message(
  'MetadataResponse',
  { apiKey: 3, versions: [0, 13], flexible: 9 },
  {
    throttleTimeMs: int32.since(3).ignorable(),
    brokers: array(
      struct({
        nodeId: int32,
        host: string,
        port: int32,
        rack: string.since(1).nullable().default(null).ignorable(),
      }),
    ),
    clusterId: string.since(2).nullable().default(null).ignorable(),
    /** The broker to send admin requests to. */
    controllerId: int32.since(1).default(-1).ignorable(),
    topics: array(
      struct({
        errorCode: int16,
        /** Null for an unknown topic id. */
        name: string.nullable(12),
        topicId: uuid.since(10).ignorable(),
        isInternal: bool.since(1).ignorable(),
        partitions: array(
          struct({
            errorCode: int16,
            partitionIndex: int32,
            leaderId: int32,
            leaderEpoch: int32.since(7).default(-1).ignorable(),
            replicaNodes: array(int32),
            isrNodes: array(int32),
            /** Replicas on brokers or disks that are down. */
            offlineReplicas: array(int32).since(5).ignorable(),
          }),
        ),
        /** Bit set of the operations the caller may perform; the minimum int32 when it did not ask. */
        topicAuthorizedOperations: int32.since(8).default(-(2 ** 31)),
      }),
    ),
    /** Bit set of the operations the caller may perform; the minimum int32 when it did not ask. */
    clusterAuthorizedOperations: int32
      .since(8)
      .until(10)
      .default(-(2 ** 31)),
    /** REBOOTSTRAP_REQUIRED sends the client back to its bootstrap list (KIP-1102). */
    errorCode: int16.since(13).ignorable(),
  },
)
export type MetadataResponse = Infer<typeof MetadataResponse>
