/** RabbitMQ's ordinary cluster: every broker knows every queue, and each queue lies on one of them. */
import { deepEqual, equal, notEqual, ok } from 'node:assert/strict'
import type { BrokerSettings } from '../../packages/broker/src/mod.ts'
import { requirement } from './requirement.ts'
import { fetchFrom, produceTo } from './world/raw.ts'
import type { Place } from './world/raw.ts'
import { RealCluster } from './world/real-cluster.ts'
import { numbered, read, readAll, send } from './world/records.ts'

const queue = { topic: 'orders' }
const refusals = ['LEADER_NOT_AVAILABLE', 'NOT_LEADER_OR_FOLLOWER']

/** Three brokers, and one replica of whatever is made. */
function startOrdinary(settings: Partial<BrokerSettings> = {}): Promise<RealCluster> {
  return RealCluster.start(3, { replicationFactorDefault: 1, ...settings })
}

/** What a fetch and a produce are told by each broker that is up, and how long the slowest took. */
async function refused(cluster: RealCluster, place: Place): Promise<{ errors: string[]; slowestMs: number }> {
  const errors: string[] = []
  let slowestMs = 0
  const client = cluster.client()
  for (const { id } of cluster.up) {
    const startMs = performance.now()
    errors.push((await fetchFrom(client, id, place)).error, (await produceTo(client, id, place, ['lost?'])).error)
    slowestMs = Math.max(slowestMs, performance.now() - startMs)
  }
  return { errors, slowestMs }
}

requirement('R3', async () => {
  await using cluster = await startOrdinary()
  const told = await Promise.all(cluster.nodes.map(({ address }) => cluster.client(address).describe()))
  equal(new Set(told.map(({ clusterId }) => clusterId)).size, 1)
  for (const { brokers } of told) {
    deepEqual(new Set(brokers.map(({ id }) => id)), new Set([1, 2, 3]))
    deepEqual(
      new Set(brokers.map(({ host, port }) => `${host}:${port}`)),
      new Set(cluster.nodes.map(({ address }) => address)),
    )
  }
  equal(new Set(cluster.nodes.map(({ directory }) => directory)).size, 3)
})

requirement('R4', async () => {
  await using cluster = await startOrdinary()
  await cluster.createTopic({ name: 'orders', partitionCount: 1 })
  // Whichever broker a client knows, the messages land in the same place.
  for (const { id, address } of cluster.nodes) await send(cluster.client(address), queue, numbered(`through-${id}`, 5))
  const home = cluster.leader('orders')
  deepEqual(cluster.partition('orders').replicas, [home.id])
  for (const node of cluster.nodes) {
    for (const { id } of cluster.nodes) equal(node.holds(`through-${id}#0004`), node === home, `broker ${node.id}`)
  }
})

requirement('R5', async () => {
  await using cluster = await startOrdinary()
  for (const name of ['orders', 'bills', 'mails']) await cluster.createTopic({ name, partitionCount: 1 })
  const described = await Promise.all(
    cluster.nodes.map(async (node) => {
      const { topics } = await cluster.client(node.address).describe()
      const overHttp = JSON.parse(await node.http('/api/topics/orders')) as { partitions: unknown }
      return { topics: topics.toSorted((a, b) => (a.name < b.name ? -1 : 1)), partitions: overHttp.partitions }
    }),
  )
  deepEqual(described[1], described[0])
  deepEqual(described[2], described[0])
  const home = cluster.leader('orders').id
  deepEqual(described[0]!.topics.find(({ name }) => name === 'orders')!.partitions, [
    { index: 0, leader: home, replicas: [home], inSyncReplicas: [home] },
  ])
})

requirement('R6', async () => {
  await using cluster = await startOrdinary()
  await cluster.createTopic({ name: 'orders', partitionCount: 1 })
  const home = cluster.leader('orders')
  const sent: string[] = []
  for (const { id, address } of cluster.others(home.id)) {
    const values = numbered(`through-${id}`, 5)
    await send(cluster.client(address), queue, values)
    sent.push(...values)
    deepEqual(await readAll(cluster.client(address), queue), sent)
  }
})

requirement('R7', async () => {
  const settings: Partial<BrokerSettings> = { replicationFactorDefault: 1, replicaSelector: 'rack-aware' }
  const rackOf = (id: number): string => `rack-${id}`
  await using cluster = await RealCluster.start(2, settings, (id) => ({ brokerRack: rackOf(id) }))
  await cluster.setPolicy('both', '^both', { 'ha-mode': 'nodes', 'ha-params': [1, 2] })
  for (const name of ['home', 'both']) await cluster.createTopic({ name, partitionCount: 1 })
  const client = cluster.client()
  const values = numbered('x'.repeat(1000), 100)
  const bytes = values.join('').length

  await send(client, { topic: 'home' }, values)
  for (const { address } of cluster.nodes) deepEqual(await readAll(cluster.client(address), { topic: 'home' }), values)
  equal(await cluster.total('polylog_replication_bytes_in_total'), 0)
  equal(await cluster.total('polylog_replication_bytes_out_total'), 0)

  const home = cluster.leader('both')
  const [follower] = cluster.others(home.id)
  await send(client, { topic: 'both' }, values)
  await cluster.until('the follower knows that all is committed', () => {
    return follower!.broker.topics.follower('both', 0)?.highWatermark === values.length
  })
  const there = await fetchFrom(client, follower!.id, { topic: 'both' }, { rackId: rackOf(follower!.id) })
  deepEqual(there.values, values)
  const received = await follower!.metric('polylog_replication_bytes_in_total')
  ok(received >= bytes && received < 1.2 * bytes, `${received} bytes came to the follower, of ${bytes}`)
  equal(await home.metric('polylog_replication_bytes_out_total'), received)
})

requirement('R8', async () => {
  await using cluster = await startOrdinary()
  await cluster.createTopic({ name: 'orders', partitionCount: 3 })
  const client = cluster.client()
  for (const partition of [0, 1, 2]) await send(client, { ...queue, partition }, [`in ${partition}`])
  const home = cluster.leader('orders', 0)
  await home.kill()
  await cluster.until('the others know', () => cluster.up.every(({ broker }) => !broker.image.brokers.has(home.id)))
  const { errors, slowestMs } = await refused(cluster, queue)
  for (const error of errors) ok(refusals.includes(error), error)
  ok(slowestMs < 2000, `a broker took ${slowestMs.toFixed(0)} ms to refuse`)
  const elsewhere = [1, 2].filter((partition) => cluster.partition('orders', partition).leader !== home.id)
  notEqual(elsewhere.length, 0)
  for (const partition of elsewhere) {
    await send(client, { ...queue, partition }, ['goes on'])
    deepEqual(await read(client, { ...queue, partition }, 2), [`in ${partition}`, 'goes on'])
  }
})

requirement('R9', async () => {
  await using cluster = await startOrdinary({ durability: 'memory' })
  await cluster.createTopic({ name: 'orders', partitionCount: 1 })
  await send(cluster.client(), queue, numbered('in-memory', 10))
  equal((await readAll(cluster.client(), queue)).length, 10)
  const home = cluster.leader('orders')
  await home.kill()
  await home.start()
  await cluster.until('the home leads again', () =>
    cluster.up.every((node) => cluster.partition('orders', 0, node).leader === home.id),
  )
  deepEqual(await readAll(cluster.client(), queue), [])
  await send(cluster.client(), queue, ['new'])
  deepEqual(await readAll(cluster.client(), queue), ['new'])
})

requirement('R10', async () => {
  await using cluster = await startOrdinary()
  await cluster.createTopic({ name: 'orders', partitionCount: 1 })
  const values = numbered('kept', 10)
  await send(cluster.client(), queue, values)
  const home = cluster.leader('orders')
  await home.kill()
  const [other] = cluster.up
  await cluster.until('the others know', () => !other!.broker.image.brokers.has(home.id))
  // Somebody else's return does not help.
  await other!.stop()
  await other!.start()
  for (const error of (await refused(cluster, queue)).errors) ok(refusals.includes(error), error)
  await home.start()
  await cluster.until('the home leads again', () =>
    cluster.up.every((node) => cluster.partition('orders', 0, node).leader === home.id),
  )
  deepEqual(await read(cluster.client(), queue, values.length), values)
})

requirement('R11', async () => {
  await using cluster = await startOrdinary()
  const client = cluster.client()
  const received = (): Promise<number[]> =>
    Promise.all(cluster.nodes.map((node) => node.metric('polylog_kafka_received_bytes_total')))
  const loads = async (topics: readonly string[]): Promise<number[]> => {
    for (const name of topics) await cluster.createTopic({ name, partitionCount: 1 })
    const before = await received()
    for (const topic of topics) await send(client, { topic }, numbered('y'.repeat(10_000), 30))
    const after = await received()
    return after.map((bytes, i) => (bytes - before[i]!) / 300_000)
  }
  const many = await loads(['q1', 'q2', 'q3', 'q4', 'q5', 'q6'])
  for (const load of many) ok(load > 1.9 && load < 2.3, `queues per broker: ${many.join()}`)
  const one = await loads(['single'])
  equal(one.filter((load) => load > 0.9).length, 1, `share of one queue per broker: ${one.join()}`)
  equal(one.filter((load) => load < 0.1).length, 2)
})
