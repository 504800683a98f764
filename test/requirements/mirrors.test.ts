/** RabbitMQ's mirrored cluster: a policy says how many brokers, or which, hold a queue. Set over HTTP, as a console would. */
import { deepEqual, equal, notEqual, ok } from 'node:assert/strict'
import { requirement } from './requirement.ts'
import { PatientProducer } from './world/kafkajs.ts'
import { fetchFrom, produceTo } from './world/raw.ts'
import { RealCluster } from './world/real-cluster.ts'
import { numbered, readAll, send } from './world/records.ts'

const queue = { topic: 'orders' }
const mirrorsEverywhere = { 'ha-mode': 'all', 'ha-sync-mode': 'automatic' }

/** Brokers on which every queue has one replica, unless a policy says otherwise. */
function startCluster(count: number): Promise<RealCluster> {
  return RealCluster.start(count, { replicationFactorDefault: 1 })
}

async function startMirrored(): Promise<RealCluster> {
  const cluster = await startCluster(3)
  await cluster.setPolicy('mirror', '^orders', mirrorsEverywhere)
  await cluster.createTopic({ name: 'orders', partitionCount: 1 })
  return cluster
}

requirement('R12', async () => {
  await using cluster = await startMirrored()
  await cluster.createTopic({ name: 'plain', partitionCount: 1 })
  const client = cluster.client()
  await send(client, queue, numbered('mirrored', 10))
  await send(client, { topic: 'plain' }, numbered('unmirrored', 10))
  for (const node of cluster.nodes) {
    ok(node.holds('mirrored#0009'), `broker ${node.id}`)
    equal(node.holds('unmirrored#0009'), node === cluster.leader('plain'), `broker ${node.id}`)
    deepEqual(cluster.holders('orders', 0, node), [1, 2, 3])
  }
})

requirement('R13', async () => {
  await using cluster = await startMirrored()
  const client = cluster.client()
  for (let round = 0; round < 20; round++) {
    const marker = `confirmed-${round};`
    await send(client, queue, [marker])
    // At the very moment of the confirmation, without waiting for anything.
    for (const node of cluster.nodes) ok(node.holds(marker), `broker ${node.id} lacks ${marker}`)
  }
})

requirement('R14', async () => {
  await using cluster = await startMirrored()
  await using producer = await PatientProducer.connect(cluster.addresses)
  const sent: string[] = []
  const work = async (): Promise<void> => {
    const values = numbered('work', 10, sent.length)
    await producer.send(queue, values)
    sent.push(...values)
    deepEqual(await readAll(cluster.client(), queue), sent)
  }
  await work()
  const leader = cluster.leader('orders')
  const [mirror] = cluster.others(leader.id)
  for (const victim of [leader, mirror!]) {
    await victim.kill()
    await work()
    notEqual(cluster.leader('orders'), victim)
    await victim.start()
    await cluster.inSync('orders')
  }
  await work()
})

requirement('R16', async () => {
  await using cluster = await startCluster(3)
  await cluster.setPolicy('everywhere', '^all', { 'ha-mode': 'all' })
  await cluster.setPolicy('somewhere', '^named', { 'ha-mode': 'nodes', 'ha-params': [1, 3] })
  for (const name of ['all-of-them', 'named-ones', 'neither']) await cluster.createTopic({ name, partitionCount: 2 })
  for (const index of [0, 1]) {
    deepEqual(cluster.holders('all-of-them', index), [1, 2, 3])
    deepEqual(cluster.holders('named-ones', index), [1, 3])
    equal(cluster.partition('neither', index).replicas.length, 1)
  }
})

requirement('R17', async () => {
  await using cluster = await startCluster(3)
  await cluster.createTopic({ name: 'orders-before', partitionCount: 1 })
  await cluster.setPolicy('mirror', '^orders', { 'ha-mode': 'all' })
  // Made by a client that names it, and not by anybody who knows of policies.
  await send(cluster.client(), { topic: 'orders-after' }, ['first'])
  await cluster.inSync('orders-after')
  deepEqual(cluster.holders('orders-after'), [1, 2, 3])
  for (const node of cluster.nodes) {
    const page = JSON.parse(await node.http('/api/topics/orders-after')) as { policy: string }
    equal(page.policy, 'mirror')
  }
  // With ha-sync-mode manual, what was there before stays as it was until somebody asks.
  equal(cluster.partition('orders-before').replicas.length, 1)
})

requirement('R18', async (context) => {
  await using cluster = await startCluster(3)
  const client = cluster.client()
  const messageCount = 200
  const costs: number[] = []
  for (const count of [1, 2, 3]) {
    const topic = `copies-${count}`
    await cluster.setPolicy(topic, `^${topic}$`, { 'ha-mode': 'exactly', 'ha-params': count })
    await cluster.createTopic({ name: topic, partitionCount: 1 })
    const before = await cluster.total('polylog_replication_bytes_out_total')
    await send(client, { topic }, numbered('z'.repeat(1000), messageCount))
    const bytes = (await cluster.total('polylog_replication_bytes_out_total')) - before
    costs.push(bytes / messageCount)
    equal(await cluster.total('polylog_replication_bytes_in_total'), before + bytes)
  }
  context.diagnostic(`bytes between brokers per message of 1,005 with 1, 2 and 3 replicas: ${costs.join(', ')}`)
  equal(costs[0], 0)
  ok(costs[1]! > 1000 && costs[1]! < 1100, String(costs[1]))
  equal(costs[2], 2 * costs[1]!)
})

requirement('R19', async () => {
  await using cluster = await startCluster(2)
  await cluster.setPolicy('mirror', '^orders', mirrorsEverywhere)
  await cluster.createTopic({ name: 'orders', partitionCount: 2 })
  const client = cluster.client()
  const values = [0, 1].map((partition) => numbered(`in-${partition}`, 200))
  for (const partition of [0, 1]) await send(client, { ...queue, partition }, values[partition]!)
  const sizes = (): number[] => {
    return cluster.nodes.map(({ broker }) => {
      const logs = [...broker.replicas.replicas()].filter(({ topicName }) => topicName === 'orders')
      return logs.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)
    })
  }
  const [before] = sizes()
  ok(before! > 200 * 2 * 'in-0#0000'.length)
  await cluster.addNode().start()
  await cluster.until('the newcomer has a replica of each', () =>
    [0, 1].every((index) => cluster.partition('orders', index).inSyncReplicas.length === 3),
  )
  deepEqual(sizes(), [before, before, before])
  for (const text of ['in-0#0199', 'in-1#0199']) {
    await cluster.until(`${text} is on the disk of the newcomer`, () => cluster.node(3).holds(text))
  }
})

requirement('R20', async () => {
  await using cluster = await startMirrored()
  const client = cluster.client()
  await send(client, queue, numbered('copied', 100))
  const master = cluster.leader('orders')
  const others = cluster.others(master.id)
  equal(others.length, 2)
  for (const { id } of others) {
    equal((await produceTo(client, id, queue, ['no'])).error, 'NOT_LEADER_OR_FOLLOWER')
    equal((await fetchFrom(client, id, queue)).error, 'NOT_LEADER_OR_FOLLOWER')
  }
  for (const node of [...others, master]) await node.stop()
  const log = master.segments('orders', 0)
  ok(log.includes('copied#0099'))
  for (const node of others) ok(node.segments('orders', 0).equals(log), `broker ${node.id} has other bytes`)
})
