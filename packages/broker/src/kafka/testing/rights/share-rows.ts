import { apis } from '@polylog/wire'
import { cluster, names, row, shareGroup, topic } from './right.ts'
import type { RightsRow, World } from './right.ts'

const groupId = names.shareGroup
const memberId = 'member'

function shareFetchOf({ topicId }: World) {
  return {
    groupId,
    memberId,
    shareSessionEpoch: 0,
    maxWaitMs: 0,
    minBytes: 0,
    maxRecords: 1,
    batchSize: 1,
    topics: [{ topicId, partitions: [{ partitionIndex: 0, acknowledgementBatches: [] }] }],
    forgottenTopicsData: [],
  }
}

function statesOf<Partition>({ topicId }: World, partition: Partition) {
  return { groupId, topics: [{ topicId, partitions: [partition] }] }
}

async function keepState({ broker, topicId }: World): Promise<void> {
  await broker.queueStates.initialize({ groupId, topicId, index: 0 }, 0, 0)
}

/** Share groups (KIP-932). */
export const shareRows: readonly RightsRow[] = [
  row(apis[76], {
    title: 'life as a member, by topic',
    request: () => ({ groupId, memberId, memberEpoch: 0, subscribedTopicNames: [names.topic] }),
    ways: [[shareGroup('read'), topic('describe')]],
  }),
  row(apis[77], {
    title: 'members, with the topics they read',
    request: async (_version, { broker }) => {
      const member = { memberId, memberEpoch: 0, rackId: null, clientId: '', clientHost: '' }
      await broker.shareGroups.heartbeat({ groupId, ...member, subscribedTopicNames: [names.topic] })
      return { groupIds: [groupId] }
    },
    ways: [[shareGroup('describe'), topic('describe')]],
  }),
  row(apis[78], {
    title: 'messages',
    request: (_version, world) => shareFetchOf(world),
    ways: [[shareGroup('read'), topic('read')]],
  }),
  row(apis[79], {
    title: 'acknowledgements',
    request: async (_version, world) => {
      await world.callFreely(apis[78], apis[78].versions[1], shareFetchOf(world))
      const acknowledgementBatches = [{ firstOffset: 0, lastOffset: 0, acknowledgeTypes: [1] }]
      const partitions = [{ partitionIndex: 0, acknowledgementBatches }]
      return { groupId, memberId, shareSessionEpoch: 1, topics: [{ topicId: world.topicId, partitions }] }
    },
    ways: [[shareGroup('read'), topic('read')]],
  }),
  row(apis[83], {
    title: 'to begin what is kept of progress, for brokers',
    request: (_version, world) => statesOf(world, { partition: 0, stateEpoch: 0, startOffset: 0 }),
    ways: [[cluster('cluster-action')]],
  }),
  row(apis[84], {
    title: 'what is kept of progress, for brokers',
    request: async (_version, world) => {
      await keepState(world)
      return statesOf(world, { partition: 0, leaderEpoch: 0 })
    },
    ways: [[cluster('cluster-action')]],
  }),
  row(apis[85], {
    title: 'to change what is kept of progress, for brokers',
    request: async (_version, world) => {
      await keepState(world)
      return statesOf(world, { partition: 0, stateEpoch: 0, leaderEpoch: 0, startOffset: 0, stateBatches: [] })
    },
    ways: [[cluster('cluster-action')]],
  }),
  row(apis[86], {
    title: 'to forget what is kept of progress, for brokers',
    request: (_version, world) => statesOf(world, { partition: 0 }),
    ways: [[cluster('cluster-action')]],
  }),
  row(apis[87], {
    title: 'an outline of what is kept of progress, for brokers',
    request: async (_version, world) => {
      await keepState(world)
      return statesOf(world, { partition: 0, leaderEpoch: 0 })
    },
    ways: [[cluster('cluster-action')]],
  }),
  row(apis[90], {
    title: 'progress in some topics',
    request: () => ({ groups: [{ groupId, topics: [{ topicName: names.topic, partitions: [0] }] }] }),
    ways: [[shareGroup('describe'), topic('describe')]],
  }),
  row(apis[91], {
    title: 'progress',
    request: () => ({
      groupId,
      topics: [{ topicName: names.topic, partitions: [{ partitionIndex: 0, startOffset: 0 }] }],
    }),
    ways: [[shareGroup('read'), topic('read')]],
  }),
  row(apis[92], {
    title: 'progress in topics',
    request: () => ({ groupId, topics: [{ topicName: names.topic }] }),
    ways: [[shareGroup('delete'), topic('read')]],
  }),
]
