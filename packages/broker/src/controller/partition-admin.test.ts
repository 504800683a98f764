import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { BrokerError } from '../errors/errors.ts'
import { TestCluster } from './cluster.fixture.ts'
import type { PartitionOutcome } from './partition-admin.ts'

function codes(outcomes: readonly PartitionOutcome[]): (string | undefined)[] {
  return outcomes.map(({ error }) => error?.code)
}

describe('PartitionAdmin', () => {
  it('moves partitions by hand, after which placement leaves the topic alone', async () => {
    const cluster = await TestCluster.open({ brokers: 4 })
    const { id: topicId } = await cluster.createTopic('t', { partitions: 3, placement: { kind: 'factor', factor: 1 } })
    await cluster.settle()
    const admin = cluster.partitions(3)
    const outcomes = await cluster.drive(
      admin.alterReassignments([
        { topicId, index: 0, replicas: [4, 3] },
        { topicId, index: 1, replicas: [] },
        { topicId, index: 2, replicas: [2, 2] },
        { topicId, index: 2, replicas: [9] },
        { topicId, index: 3, replicas: [1] },
        { topicId: 'nothing', index: 0, replicas: [1] },
        { topicId, index: 1, replicas: null },
      ]),
    )
    assert.deepEqual(codes(outcomes), [
      undefined,
      'no-reassignment',
      'invalid-replica-assignment',
      'invalid-replica-assignment',
      'unknown-topic',
      'unknown-topic-id',
      'no-reassignment',
    ])
    assert.deepEqual(cluster.topic('t').placement, { kind: 'assigned' })
    await cluster.settle()
    const [moved] = cluster.topic('t').partitions
    assert.deepEqual([moved!.replicas, moved!.adding, moved!.removing], [[4, 3], [], []])
    await cluster.close()
  })

  it('lists what moves and takes it back, even if one that was coming leads already', async () => {
    const cluster = await TestCluster.open({ brokers: 4 })
    const topic = await cluster.createTopic('t', { assignment: [[1]], placement: { kind: 'assigned' } })
    const topicId = topic.id
    await cluster.settle()
    const admin = cluster.partitions(1)
    assert.deepEqual(admin.listReassignments(), [])
    await cluster.drive(admin.alterReassignments([{ topicId, index: 0, replicas: [3, 4] }]))
    await cluster.settle({ replicate: false })
    const moving = { topicId, topic: 't', index: 0, replicas: [3, 4, 1], adding: [3, 4], removing: [1] }
    assert.deepEqual(admin.listReassignments(new Set([topicId])), [moving])
    assert.deepEqual(admin.listReassignments(new Set(['other'])), [])
    await cluster.setIsr(topic, cluster.topic('t').partitions[0]!, [1, 3])
    await cluster.setStatus(1, 'stopping')
    await cluster.settle({ replicate: false })
    assert.equal(cluster.topic('t').partitions[0]!.leader, 3)
    const cancel = async (): Promise<(string | undefined)[]> =>
      codes(await cluster.drive(admin.alterReassignments([{ topicId, index: 0, replicas: null }])))
    assert.deepEqual(await cancel(), ['eligible-leader-not-available'], 'nobody else is in sync')
    await cluster.setStatus(1, 'serving')
    await cluster.setIsr(topic, cluster.topic('t').partitions[0]!, [1, 3])
    await cluster.settle({ replicate: false })
    assert.deepEqual(await cancel(), [undefined])
    const [state] = cluster.topic('t').partitions
    assert.deepEqual([state!.replicas, state!.adding, state!.removing, state!.leader], [[1], [], [], 1])
    await cluster.close()
  })

  it('elects the preferred leader, or says why not', async () => {
    const cluster = await TestCluster.open({ brokers: 3, settings: { autoLeaderRebalance: false } })
    const { id: topicId } = await cluster.createTopic('t', { assignment: [[1, 2, 3]] })
    await cluster.settle()
    const elect = async (kind: 'preferred' | 'unclean'): Promise<string | undefined> => {
      const outcomes = await cluster.drive(cluster.partitions(2).electLeaders(kind, [{ topicId, index: 0 }]))
      return outcomes[0]!.error?.code
    }
    assert.equal(await elect('preferred'), 'election-not-needed')
    await cluster.kill(1)
    await cluster.settle()
    assert.equal(cluster.topic('t').partitions[0]!.leader, 2)
    assert.equal(await elect('preferred'), 'preferred-leader-not-available')
    assert.equal(await elect('unclean'), 'election-not-needed')
    await cluster.start(1)
    await cluster.settle()
    assert.equal(cluster.topic('t').partitions[0]!.leader, 2, 'not by itself')
    assert.equal(await elect('preferred'), undefined)
    assert.equal(cluster.topic('t').partitions[0]!.leader, 1)
    await cluster.close()
  })

  it('elects one that lacks records only when asked to', async () => {
    const cluster = await TestCluster.open({ brokers: 2 })
    const topic = await cluster.createTopic('t', { assignment: [[1, 2]], placement: { kind: 'assigned' } })
    await cluster.settle()
    await cluster.setIsr(topic, cluster.topic('t').partitions[0]!, [1])
    await cluster.turn()
    await cluster.kill(1)
    await cluster.settle()
    assert.equal(cluster.topic('t').partitions[0]!.leader, -1)
    const name = { topicId: topic.id, index: 0 }
    assert.deepEqual(codes(await cluster.drive(cluster.partitions(2).electLeaders('unclean', [name]))), [undefined])
    const [state] = cluster.topic('t').partitions
    assert.deepEqual([state!.leader, state!.inSyncReplicas, state!.recovering], [2, [2], true])
    await cluster.close()
  })

  it('changes more partitions than fit into one transaction, while leaders change them too', async () => {
    const cluster = await TestCluster.open({ brokers: 3, settings: { autoLeaderRebalance: false } })
    const assignment = Array.from({ length: 250 }, () => [1, 2, 3])
    const topic = await cluster.createTopic('t', { assignment, placement: { kind: 'assigned' } })
    await cluster.settle()
    await cluster.setStatus(1, 'stopping')
    await cluster.settle()
    await cluster.setStatus(1, 'serving')
    await cluster.settle()
    assert.ok(cluster.topic('t').partitions.every(({ leader }) => leader === 2))
    const names = topic.partitions.map(({ index }) => ({ topicId: topic.id, index }))
    const electing = cluster.partitions(3).electLeaders('preferred', names)
    for (const index of [5, 150]) await cluster.setIsr(topic, cluster.topic('t').partitions[index]!, [1, 2])
    assert.ok((await cluster.drive(electing)).every(({ error }) => error === undefined))
    assert.ok(cluster.topic('t').partitions.every(({ leader }) => leader === 1))
    await cluster.close()
  })
})

describe('policies in a cluster', () => {
  const mirror = { pattern: '^t$', priority: 0, applyTo: 'topics' as const }

  it('mirror new topics at once, and those that exist when asked or told to be automatic', async () => {
    const cluster = await TestCluster.open({ brokers: 3 })
    const old = await cluster.createTopic('t', { placement: { kind: 'factor', factor: 1 } })
    await cluster.settle()
    const policies = cluster.admin(1)
    await cluster.drive(
      policies.putPolicy('mirror', { ...mirror, pattern: '^[tu]$', definition: { 'ha-mode': 'all' } }),
    )
    await cluster.settle()
    assert.equal(cluster.topic('t').partitions[0]!.replicas.length, 1, 'manual is the default, as in RabbitMQ')
    await cluster.createTopic('u', { placement: { kind: 'factor', factor: 1 } })
    assert.equal(cluster.topic('u').partitions[0]!.replicas.length, 3)
    assert.deepEqual(codes(await cluster.drive(cluster.partitions(2).syncTopic(old.id))), [undefined])
    await cluster.settle()
    assert.equal(cluster.topic('t').partitions[0]!.inSyncReplicas.length, 3)
    await cluster.start(4)
    await cluster.settle()
    assert.equal(cluster.topic('t').partitions[0]!.replicas.length, 3)
    const definition = { 'ha-mode': 'all', 'ha-sync-mode': 'automatic' }
    await cluster.drive(policies.putPolicy('mirror', { ...mirror, definition }))
    await cluster.settle()
    assert.equal(cluster.topic('t').partitions[0]!.inSyncReplicas.length, 4)
    await cluster.drive(policies.deletePolicy('mirror'))
    await cluster.settle()
    assert.equal(cluster.topic('t').partitions[0]!.replicas.length, 1, 'back to the factor asked for')
    await assert.rejects(policies.deletePolicy('mirror'), /no policy/)
    await cluster.close()
  })

  it('name the brokers, which then hold the topic and nobody else', async () => {
    const cluster = await TestCluster.open({ brokers: 4 })
    await cluster.createTopic('t', { assignment: [[1]] })
    const definition = { 'ha-mode': 'nodes', 'ha-params': [2, 4, 77], 'ha-sync-mode': 'automatic' }
    await cluster.drive(cluster.admin(1).putPolicy('named', { ...mirror, definition }))
    await cluster.settle()
    assert.deepEqual(
      cluster.topic('t').partitions[0]!.inSyncReplicas.toSorted((a, b) => a - b),
      [2, 4],
    )
    assert.deepEqual(
      cluster
        .admin(2)
        .listPolicies()
        .map(({ name, fault }) => [name, fault]),
      [['named', undefined]],
    )
    await cluster.close()
  })

  it('decide whether an unsynced replica may lead when the last in sync stops or fails', async () => {
    const cluster = await TestCluster.open({ brokers: 2 })
    const topic = await cluster.createTopic('t', { assignment: [[1, 2]], placement: { kind: 'assigned' } })
    await cluster.settle()
    await cluster.setIsr(topic, cluster.topic('t').partitions[0]!, [1])
    await cluster.turn()
    await cluster.setStatus(1, 'stopping')
    await cluster.settle({ replicate: false })
    assert.equal(cluster.topic('t').partitions[0]!.leader, 1, 'when-synced is the default')
    const definition = { 'ha-promote-on-shutdown': 'always' }
    await cluster.drive(cluster.admin(2).putPolicy('p', { ...mirror, definition }))
    await cluster.settle({ replicate: false })
    const [state] = cluster.topic('t').partitions
    assert.deepEqual([state!.leader, state!.recovering], [2, true])
    await cluster.close()
  })

  it('are refused where this broker is not registered', async () => {
    const cluster = await TestCluster.open({ brokers: 2 })
    const admin = cluster.admin(1)
    await cluster.write([{ kind: 'delete', key: '/brokers/1' }])
    await cluster.turn()
    await assert.rejects(
      admin.putPolicy('p', { ...mirror, definition: { 'ha-mode': 'all' } }),
      (error) => error instanceof BrokerError && error.code === 'not-controller',
    )
    await cluster.close()
  })
})
