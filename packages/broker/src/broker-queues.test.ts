import { deepEqual, equal, ok } from 'node:assert/strict'
import { describe, it } from 'node:test'
import { InProcessCluster } from './cluster.fixture.ts'
import type { ClusterMember } from './cluster.fixture.ts'
import { partitionOf } from './group/partition-of.ts'
import { encodeGroup } from './image/group-configs.ts'
import { groupKey } from './image/keys.ts'
import { queueKey } from './queue/queue-id.ts'
import type { QueueId } from './queue/queue-id.ts'
import type { AcknowledgeType } from './queue/queue-messages.ts'
import { baseOffsetOf, batchBytesOf, recordCountOf } from './record/batch.ts'
import { buildBatch } from './record/build.ts'
import { headersOf } from './record/headers.ts'
import { openRecords, RecordReader } from './record/records.ts'
import { shareStateTopicName } from './topic/topic-name.ts'
import type { Partition } from './topic/partition.ts'

const statePartitionCount = 3

async function started(): Promise<InProcessCluster> {
  const cluster = await InProcessCluster.open(3, {
    sessionTimeoutMs: 3000,
    shareStatePartitionCount: statePartitionCount,
  })
  await cluster.start()
  const configs = new Map<string, string>()
  await cluster.someone.broker.topics.create({ name: 'jobs', partitionCount: 1, replicationFactor: 3, configs })
  await cluster.until('the topic has a leader', () => leaderOf(cluster, 'jobs') !== undefined)
  return cluster
}

function stateOf(cluster: InProcessCluster, name: string, index = 0) {
  return cluster.someone.broker.topics.find(name)?.partitions[index]
}

/** The member that leads a partition and knows it. */
function leaderOf(cluster: InProcessCluster, name: string, index = 0): ClusterMember | undefined {
  return cluster.members.find((member) => member.isUp && member.broker.topics.partition(name, index) !== undefined)
}

function partitionIn(cluster: InProcessCluster, name: string): Partition {
  return leaderOf(cluster, name)!.broker.topics.partition(name, 0)!
}

async function setConfigs(cluster: InProcessCluster, groupId: string, configs: Record<string, string>): Promise<void> {
  const put = { kind: 'put', key: groupKey(groupId), value: encodeGroup(new Map(Object.entries(configs))) } as const
  await cluster.store.transaction({ then: [put] })
  await cluster.until('the group has its settings', () =>
    cluster.members.every((member) => !member.isUp || member.broker.image.groups.has(groupId)),
  )
}

function append(partition: Partition, count: number): Promise<void> {
  const records = Array.from({ length: count }, (_, at) => ({ key: null, value: Buffer.from(`job ${at}`) }))
  const appended = partition.append(buildBatch(records, { baseTimestampMs: Date.now() }), true, -1)
  ok(!('code' in appended), JSON.stringify(appended))
  return new Promise((resolve, reject) => {
    partition.whenCommitted(appended.endOffset, (fault) => (fault ? reject(new Error(fault.detail)) : resolve()))
  })
}

/** The ranges that a member gets from whoever leads, after tries for as long as nobody does. */
async function acquire(cluster: InProcessCluster, id: QueueId, memberId: string): Promise<[number, number, number][]> {
  for (let attempt = 0; ; attempt++) {
    const queues = leaderOf(cluster, 'jobs')?.broker.queues.led
    const request = { recordsMax: 500, bytesMax: 1 << 20, atLeastOne: true, mode: 'batch-optimized' } as const
    try {
      const acquired = await queues?.acquire({ ...id, memberId, ...request })
      acquired?.release()
      if (acquired) return acquired.ranges.map((each) => [each.firstOffset, each.lastOffset, each.deliveryCount])
    } catch (error) {
      if (attempt > 100) throw error
    }
    await new Promise<void>((resolve) => setTimeout(resolve, 20))
  }
}

async function acknowledge(
  cluster: InProcessCluster,
  id: QueueId,
  first: number,
  last: number,
  type: AcknowledgeType,
): Promise<string | undefined> {
  const acknowledgement = { firstOffset: first, lastOffset: last, types: [type] }
  return leaderOf(cluster, 'jobs')!.broker.queues.led.acknowledge(id, 'ann', [acknowledgement])
}

/** A group whose progress is kept by a broker that does not lead the topic. */
async function groupKeptElsewhere(cluster: InProcessCluster): Promise<QueueId> {
  const topicId = cluster.someone.broker.topics.find('jobs')!.id
  // The topic of the progress is made with the first group.
  const leader = leaderOf(cluster, 'jobs')!
  await leader.broker.queues.led.reset({ groupId: 'first', topicId, index: 0 }, 0).catch(() => undefined)
  await cluster.until('the progress has a topic', () => stateOf(cluster, shareStateTopicName) !== undefined)
  const kept = (groupId: string): number => partitionOf(queueKey({ groupId, topicId, index: 0 }), statePartitionCount)
  const isElsewhere = (groupId: string): boolean =>
    stateOf(cluster, shareStateTopicName, kept(groupId))!.leader !== leader.id
  const groupId = Array.from({ length: 50 }, (_, at) => `group-${at}`).find(isElsewhere)
  ok(groupId !== undefined, 'leaderships are spread')
  await setConfigs(cluster, groupId, { 'share.auto.offset.reset': 'earliest' })
  return { groupId, topicId, index: 0 }
}

describe('work queues on three brokers', () => {
  it('keep their progress on another broker, and go on from it when their leader is gone', {
    timeout: 90_000,
  }, async () => {
    await using cluster = await started()
    const id = await groupKeptElsewhere(cluster)
    await append(partitionIn(cluster, 'jobs'), 10)
    deepEqual(await acquire(cluster, id, 'ann'), [[0, 9, 1]])
    equal(await acknowledge(cluster, id, 0, 3, 'accept'), undefined)
    equal(await acknowledge(cluster, id, 5, 5, 'accept'), undefined)
    equal(await acknowledge(cluster, id, 6, 6, 'release'), undefined)
    const all = () => stateOf(cluster, shareStateTopicName)!.inSyncReplicas.length === 3
    await cluster.until('the progress has replicas', all)
    const before = leaderOf(cluster, 'jobs')!
    await before.kill()
    await cluster.until('somebody else leads', () => leaderOf(cluster, 'jobs') !== undefined, 30_000)
    deepEqual(await acquire(cluster, id, 'bob'), [
      [4, 4, 1],
      [6, 6, 2],
      [7, 9, 1],
    ])
    const summary = await leaderOf(cluster, 'jobs')!.broker.queues.led.summary(id)
    deepEqual([summary?.startOffset, summary?.stateEpoch], [4, 0])
  })

  it('put dead letters into a topic that another broker leads', { timeout: 60_000 }, async () => {
    await using cluster = await started()
    const id = await groupKeptElsewhere(cluster)
    const leader = leaderOf(cluster, 'jobs')!
    const brokers = [cluster.members.find((member) => member !== leader)!.id]
    const assignments = [{ partition: 0, brokers }]
    const spec = {
      name: 'dead',
      partitionCount: -1,
      replicationFactor: -1,
      assignments,
      configs: new Map<string, string>(),
    }
    await leader.broker.topics.create(spec)
    await cluster.until('the dead letters have a leader', () => leaderOf(cluster, 'dead') !== undefined)
    const configs = { 'share.auto.offset.reset': 'earliest', 'polylog.dead.letter.topic': 'dead' }
    await setConfigs(cluster, id.groupId, configs)
    await cluster.until('the group has a dead-letter topic', () =>
      cluster.members.every((member) => member.broker.image.groups.get(id.groupId)!.configs.size === 2),
    )
    await append(partitionIn(cluster, 'jobs'), 3)
    deepEqual(await acquire(cluster, id, 'ann'), [[0, 2, 1]])
    equal(await acknowledge(cluster, id, 1, 1, 'reject'), undefined)
    const dead = partitionIn(cluster, 'dead')
    const read = await dead.read({ offset: 0, bytesMax: 1 << 20, atLeastOne: true, isolation: 'read-committed' })
    const chunk = read.chunks[0]!
    equal(chunk.length, batchBytesOf(chunk, 0))
    equal(baseOffsetOf(chunk, 0), 0)
    const records = openRecords(chunk, 0)
    const record = new RecordReader(records, recordCountOf(chunk, 0)).next()!
    const headers = headersOf(records, record).map(({ key, value }) => [key, Buffer.from(value!).toString()])
    deepEqual(Object.fromEntries(headers), {
      'polylog.dead.reason': 'rejected',
      'polylog.dead.topic': 'jobs',
      'polylog.dead.partition': '0',
      'polylog.dead.offset': '1',
      'polylog.dead.group': id.groupId,
      'polylog.dead.deliveries': '1',
    })
    equal(Buffer.from(record.value!).toString(), 'job 1')
    read.release()
  })

  it('forget the progress on a topic that is deleted', { timeout: 60_000 }, async () => {
    await using cluster = await started()
    const id = await groupKeptElsewhere(cluster)
    await append(partitionIn(cluster, 'jobs'), 3)
    await acquire(cluster, id, 'ann')
    const keptCount = () => cluster.members.reduce((sum, member) => sum + member.broker.queues.states.queueCount, 0)
    ok(keptCount() > 0)
    await cluster.someone.broker.topics.delete('jobs')
    await cluster.until('nothing is kept', () => keptCount() === 0)
  })
})
