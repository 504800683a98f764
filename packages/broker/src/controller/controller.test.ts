import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { TestCluster } from './cluster.fixture.ts'
import { allPartitions } from './cluster-view.ts'

function counts(cluster: TestCluster): { replicas: number[]; leaders: number[] } {
  const ids = [...cluster.members.keys()].toSorted((a, b) => a - b)
  const states = [...allPartitions(cluster.image)].map(({ state }) => state)
  return {
    replicas: ids.map((id) => states.filter(({ replicas }) => replicas.includes(id)).length),
    leaders: ids.map((id) => states.filter(({ leader }) => leader === id).length),
  }
}

function spread(values: readonly number[]): number {
  return Math.max(...values) - Math.min(...values)
}

describe('Controller', () => {
  it('gives partitions of a dead broker another leader, and takes the dead out of the ISR', async () => {
    const cluster = await TestCluster.open({ brokers: 3 })
    await cluster.createTopic('t', { partitions: 300 })
    await cluster.settle()
    await cluster.kill(1)
    await cluster.settle()
    for (const state of cluster.topic('t').partitions) {
      assert.ok(state.leader === 2 || state.leader === 3)
      assert.deepEqual(
        state.inSyncReplicas.toSorted((a, b) => a - b),
        [2, 3],
      )
      assert.equal(state.replicas.length, 3)
    }
    await cluster.start(1)
    await cluster.settle()
    cluster.clock.advance(30_000)
    await cluster.settle()
    assert.ok(cluster.topic('t').partitions.every(({ leader, replicas }) => leader === replicas[0]))
    assert.deepEqual(counts(cluster).leaders, [100, 100, 100])
    await cluster.close()
  })

  it('moves leaderships off a stopping broker, and it off the ISR', async () => {
    const cluster = await TestCluster.open({ brokers: 3 })
    await cluster.createTopic('t', { partitions: 9 })
    await cluster.createTopic('alone', { placement: { kind: 'factor', factor: 1 }, assignment: [[2]] })
    await cluster.settle()
    await cluster.setStatus(2, 'stopping')
    await cluster.settle()
    for (const { leader, inSyncReplicas } of cluster.topic('t').partitions) {
      assert.ok(leader !== 2 && !inSyncReplicas.includes(2) && inSyncReplicas.length === 2)
    }
    assert.equal(cluster.topic('alone').partitions[0]!.leader, 2, 'nobody else has it')
    await cluster.close()
  })

  it('grows what was made on one broker to three, and spreads it evenly', async () => {
    const cluster = await TestCluster.open({ brokers: 1, settings: { leaderRebalanceDelayMs: 0 } })
    await cluster.createTopic('__consumer_offsets', { partitions: 50, placement: { kind: 'factor', factor: 1 } })
    await cluster.createTopic('t', { partitions: 7 })
    await cluster.createTopic('hand', { placement: { kind: 'assigned' }, assignment: [[1]] })
    await cluster.settle()
    for (const id of [2, 3, 4]) await cluster.start(id)
    await cluster.settle()
    for (const name of ['__consumer_offsets', 't']) {
      for (const { replicas, inSyncReplicas } of cluster.topic(name).partitions) {
        assert.equal(replicas.length, 3)
        assert.equal(inSyncReplicas.length, 3)
      }
    }
    assert.deepEqual(cluster.topic('hand').partitions[0]!.replicas, [1])
    const { replicas, leaders } = counts(cluster)
    assert.ok(spread(replicas) <= 1, `replicas ${replicas.join()}`)
    assert.ok(spread(leaders) <= 1, `leaders ${leaders.join()}`)
    await cluster.close()
  })

  it('lets no broker fetch more than a few replicas at a time', async () => {
    const cluster = await TestCluster.open({ brokers: 1, settings: { reassignmentMoveCountMax: 3 } })
    await cluster.createTopic('t', { partitions: 20 })
    await cluster.start(2)
    await cluster.settle({ replicate: false })
    const moving = cluster.topic('t').partitions.filter(({ adding }) => adding.includes(2))
    assert.equal(moving.length, 3)
    await cluster.settle()
    assert.ok(cluster.topic('t').partitions.every(({ replicas }) => replicas.length === 2))
    await cluster.close()
  })

  it('empties a drained broker, dead or alive, and leaves it alone until then', async () => {
    const cluster = await TestCluster.open({ brokers: 4 })
    await cluster.createTopic('t', { partitions: 8, placement: { kind: 'factor', factor: 2 } })
    await cluster.createTopic('hand', { placement: { kind: 'assigned' }, assignment: [[3, 1]] })
    await cluster.settle()
    await cluster.kill(3)
    await cluster.settle()
    const held = cluster.admin(1).drainProgress(3)
    assert.equal(held.isRequested, false)
    assert.ok(held.replicaCount >= 4)
    await assert.rejects(cluster.admin(1).removeBroker(3), /still holds/)
    await cluster.admin(2).startDrain(3)
    await cluster.admin(2).startDrain(1)
    await cluster.settle()
    assert.deepEqual(cluster.admin(1).drainProgress(3), { isRequested: true, replicaCount: 0, leaderCount: 0 })
    assert.deepEqual(cluster.admin(1).drainProgress(1), { isRequested: true, replicaCount: 0, leaderCount: 0 })
    assert.ok(cluster.topic('t').partitions.every(({ replicas }) => replicas.length === 2))
    await cluster.admin(2).removeBroker(3)
    await assert.rejects(cluster.admin(2).removeBroker(3), /no broker 3/)
    await assert.rejects(cluster.admin(2).removeBroker(1), /is up/)
    assert.equal(cluster.image.drains.has(3), false)
    await cluster.admin(2).stopDrain(1)
    await cluster.settle()
    assert.ok(spread(counts(cluster).replicas) <= 1)
    await cluster.close()
  })

  it('replaces the replicas of a broker that stays away, after the delay', async () => {
    const cluster = await TestCluster.open({ brokers: 4, settings: { replicaReplacementDelayMs: 600_000 } })
    await cluster.createTopic('t', { partitions: 4 })
    await cluster.settle()
    await cluster.kill(4)
    await cluster.settle()
    cluster.clock.advance(500_000)
    await cluster.settle()
    assert.ok(cluster.topic('t').partitions.some(({ replicas }) => replicas.includes(4)))
    cluster.clock.advance(100_000)
    await cluster.settle()
    for (const { replicas, inSyncReplicas } of cluster.topic('t').partitions) {
      assert.deepEqual(
        replicas.toSorted((a, b) => a - b),
        [1, 2, 3],
      )
      assert.equal(inSyncReplicas.length, 3)
    }
    await cluster.kill(3)
    await cluster.settle()
    cluster.clock.advance(600_000)
    await cluster.settle()
    assert.ok(
      cluster.topic('t').partitions.every(({ replicas }) => replicas.includes(3)),
      'nobody takes its place',
    )
    await cluster.close()
  })

  it('deletes partition states without a topic after a minute, unless a topic cannot be read', async () => {
    const cluster = await TestCluster.open({ brokers: 1 })
    const topic = await cluster.createTopic('t', { partitions: 150 })
    await cluster.settle()
    await cluster.write([
      { kind: 'delete', key: '/topics/t' },
      { kind: 'put', key: '/topics/broken', value: '{' },
    ])
    cluster.clock.advance(61_000)
    await cluster.settle()
    cluster.clock.advance(61_000)
    await cluster.settle()
    assert.equal(cluster.image.strayPartitions.get(topic.id)?.size, 150)
    await cluster.write([{ kind: 'delete', key: '/topics/broken' }])
    cluster.clock.advance(59_000)
    await cluster.settle()
    assert.equal(cluster.image.strayPartitions.get(topic.id)?.size, 150)
    cluster.clock.advance(2000)
    await cluster.settle()
    assert.equal(cluster.image.strayPartitions.size, 0)
    await cluster.close()
  })
})
