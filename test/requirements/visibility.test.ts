/** What consumers may see, and from whom. */
import { deepEqual, equal, notEqual, ok } from 'node:assert/strict'
import { requirement } from './requirement.ts'
import { fetchFrom, produceTo } from './world/raw.ts'
import { RealCluster } from './world/real-cluster.ts'
import { numbered, readAll, send, Watched } from './world/records.ts'

const topic = 'events'
const place = { topic }

async function startReplicated(): Promise<RealCluster> {
  const cluster = await RealCluster.start(3)
  await cluster.createTopic({ name: topic, partitionCount: 1, replicationFactor: 3 })
  return cluster
}

requirement('V1', async () => {
  await using cluster = await startReplicated()
  const leader = cluster.leader(topic)
  const values = numbered('v'.repeat(10_000), 100)
  await send(cluster.client(), place, values)
  const sentBytes = (): Promise<number[]> =>
    Promise.all(cluster.nodes.map((node) => node.metric('polylog_kafka_sent_bytes_total')))
  const followers = cluster.others(leader.id)
  await cluster.until('all have it', () => followers.every((node) => node.durableEnd(topic) === values.length))
  const before = await sentBytes()
  // Whichever broker the consumer starts from.
  for (const { address } of cluster.nodes) deepEqual(await readAll(cluster.client(address), place), values)
  const sent = (await sentBytes()).map((bytes, i) => bytes - before[i]!)
  for (const { id } of cluster.nodes) {
    const bytes = sent[id - 1]!
    if (id === leader.id) ok(bytes > 3_000_000, `the leader sent ${bytes} bytes`)
    else ok(bytes < 100_000, `broker ${id} sent ${bytes} bytes`)
  }
})

requirement('V2', async () => {
  await using cluster = await startReplicated()
  const client = cluster.client()
  const leader = cluster.leader(topic)
  const [held, other] = cluster.others(leader.id)
  held!.life.outgoing.shut()
  const waiting = new Watched(fetchFrom(client, leader.id, place, { waitMs: 10_000 }))
  equal((await produceTo(client, leader.id, place, ['not yet'], { acks: 1 })).error, '')
  await cluster.until('two of three have it', () => other!.durableEnd(topic) === 1 && leader.durableEnd(topic) === 1)
  // Others ask while the first still waits, and see nothing either.
  for (let i = 0; i < 5; i++) {
    const { values, highWatermark } = await fetchFrom(cluster.client(), leader.id, place)
    deepEqual(values, [])
    equal(highWatermark, 0)
  }
  ok(!waiting.isSettled)
  held!.life.outgoing.open()
  deepEqual((await waiting.promise).values, ['not yet'])
  equal(held!.durableEnd(topic), 1)
})

requirement('V3', async () => {
  await using cluster = await startReplicated()
  const client = cluster.client()
  const leader = cluster.leader(topic)
  const seen = numbered('seen', 30)
  for (const value of seen) await produceTo(client, leader.id, place, [value], { acks: 1 })
  await cluster.until('a consumer sees them', async () => {
    return (await fetchFrom(client, leader.id, place)).values.length === seen.length
  })
  for (const { life } of cluster.others(leader.id)) life.outgoing.cut()
  // The leader has these and says so, but nobody may see them: they would be gone with it.
  for (const value of numbered('unseen', 10)) {
    equal((await produceTo(client, leader.id, place, [value], { acks: 1 })).error, '')
  }
  equal(leader.durableEnd(topic), 40)
  const before = await fetchFrom(client, leader.id, place)
  deepEqual(before.values, seen)
  await leader.kill()
  for (const { life } of cluster.others(leader.id)) life.outgoing.open()
  await cluster.until('another leads', () => ![-1, leader.id].includes(cluster.partition(topic).leader))
  const next = cluster.leader(topic)
  notEqual(next, leader)
  await send(cluster.client(), place, ['after'])
  const after = await fetchFrom(cluster.client(), next.id, place)
  const places = ({ records }: typeof after): string[] =>
    records.map(({ offset, value }) => `${offset} ${Buffer.from(value!).toString()}`)
  deepEqual(places(after), [...places(before), '30 after'])
})
