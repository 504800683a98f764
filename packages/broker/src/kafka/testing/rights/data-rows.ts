import { apis } from '@polylog/wire'
import { makeTestBatch } from '../test-batch.ts'
import { cluster, freshTopic, names, row, topic, transaction } from './right.ts'
import type { RightsRow, World } from './right.ts'

const noTimeMs = { timeoutMs: 5000 }

/** A topic as Produce and Fetch name it. */
function topicOf(version: number, since: number, { topicId }: World) {
  return version < since ? { name: names.topic } : { topicId }
}

function fetchOf(version: number, { topicId }: World) {
  const partition = { partition: 0, fetchOffset: 0, partitionMaxBytes: 1000 }
  const named = version < 13 ? { topic: names.topic } : { topicId }
  return { maxWaitMs: 0, minBytes: 0, maxBytes: 1000, topics: [{ ...named, partitions: [partition] }] }
}

/** What producers and consumers ask for, groups apart. */
export const dataRows: readonly RightsRow[] = [
  row(
    apis[0],
    {
      title: 'records',
      request: (version, world) => ({
        acks: -1,
        ...noTimeMs,
        topicData: [{ ...topicOf(version, 13, world), partitionData: [{ index: 0, records: makeTestBatch() }] }],
      }),
      ways: [[topic('write')]],
    },
    {
      title: 'records of a transaction',
      request: (version, world) => ({
        transactionalId: names.transactionalId,
        acks: -1,
        ...noTimeMs,
        topicData: [{ ...topicOf(version, 13, world), partitionData: [{ index: 0, records: makeTestBatch() }] }],
      }),
      ways: [[transaction('write')]],
    },
  ),
  row(apis[1], { title: 'records', request: fetchOf, ways: [[topic('read')]] }),
  row(apis[2], {
    title: 'offsets of a topic',
    request: () => ({ topics: [{ name: names.topic, partitions: [{ partitionIndex: 0, timestamp: -1 }] }] }),
    ways: [[topic('describe')]],
  }),
  row(
    apis[3],
    {
      title: 'topics by name',
      request: () => ({ topics: [{ name: names.topic }] }),
      ways: [[topic('describe')]],
    },
    {
      title: 'topics by id',
      versions: [12, apis[3].versions[1]],
      request: (_version, { topicId }) => ({ topics: [{ topicId, name: null }] }),
      ways: [[topic('describe')]],
    },
    {
      title: 'all topics',
      request: (version) => ({ topics: version === 0 ? [] : null }),
      ways: [[topic('describe', names.topic)]],
    },
    {
      title: 'a topic to be made on first use',
      request: () => ({ topics: [{ name: names.fresh }], allowAutoTopicCreation: true }),
      ways: [
        [freshTopic('describe'), cluster('create')],
        [freshTopic('describe'), freshTopic('create')],
      ],
      refusedAs: 'topic',
    },
  ),
  row(apis[21], {
    title: 'records before an offset',
    request: () => ({
      topics: [{ name: names.topic, partitions: [{ partitionIndex: 0, offset: 1 }] }],
      ...noTimeMs,
    }),
    ways: [[topic('delete')]],
  }),
  row(
    apis[22],
    {
      title: 'an idempotent producer',
      request: () => ({ transactionalId: null, transactionTimeoutMs: 1000 }),
      ways: [[cluster('idempotent-write')], [topic('write')]],
      refusedAs: 'cluster',
    },
    {
      title: 'a transactional producer',
      request: () => ({ transactionalId: names.transactionalId, transactionTimeoutMs: 1000 }),
      ways: [[transaction('write')]],
    },
  ),
  row(apis[23], {
    title: 'the end of an epoch',
    request: () => ({ topics: [{ topic: names.topic, partitions: [{ partition: 0, leaderEpoch: 0 }] }] }),
    ways: [[topic('describe')], [cluster('cluster-action')]],
    refusedAs: 'topic',
  }),
  row(apis[61], {
    title: 'producers of a topic',
    request: () => ({ topics: [{ name: names.topic, partitionIndexes: [0] }] }),
    ways: [[topic('read')]],
  }),
  row(
    apis[75],
    {
      title: 'topics by name',
      request: () => ({ topics: [{ name: names.topic }], responsePartitionLimit: 10, cursor: null }),
      ways: [[topic('describe')]],
    },
    {
      title: 'all topics',
      request: () => ({ topics: [], responsePartitionLimit: 10, cursor: null }),
      ways: [[topic('describe', names.topic)]],
    },
  ),
]
