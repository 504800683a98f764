/** How a record gets from the producer to the disks of all replicas, step by step: each step is held back in turn. */
import { deepEqual, equal, ok } from 'node:assert/strict'
import { requirement } from './requirement.ts'
import { kafkajsClient } from './world/kafkajs.ts'
import type { Node } from './world/node.ts'
import { fetchFrom, produceTo } from './world/raw.ts'
import { RealCluster } from './world/real-cluster.ts'
import { numbered, readAll, Watched } from './world/records.ts'

const topic = 'events'
const place = { topic }
/** How long a producer waits for something that does not come. */
const timeoutMs = 2000

/** Three replicas; nobody leaves the in-sync set for being slow, and a disk may stand still for a while. */
async function startReplicated(configs: Record<string, string> = {}): Promise<RealCluster> {
  const cluster = await RealCluster.start(3, { sessionTimeoutMs: 20_000 })
  await cluster.createTopic({ name: topic, partitionCount: 1, configs: new Map(Object.entries(configs)) })
  return cluster
}

/** Resolves when followers have asked this leader so many more times. */
async function fetchedAgain(cluster: RealCluster, leader: Node, times = 6): Promise<void> {
  const fetches = (): Promise<number> => leader.metric('polylog_kafka_requests_total', 'api="Fetch"')
  const wanted = (await fetches()) + times
  await cluster.until('followers have asked again', async () => (await fetches()) >= wanted)
}

requirement('W1', async () => {
  await using cluster = await startReplicated()
  const client = cluster.client()
  const leader = cluster.leader(topic)
  const followers = cluster.others(leader.id)
  leader.life.disk.stall()
  const sending = new Watched(produceTo(client, leader.id, place, ['held'], { acks: 1 }))
  await cluster.until(
    'the leader waits for its disk',
    () => leader.logEnd(topic) === 1 && leader.life.disk.stalledCount > 0,
  )
  await fetchedAgain(cluster, leader)
  equal(leader.durableEnd(topic), 0)
  for (const follower of followers) equal(follower.logEnd(topic), 0)
  ok(!sending.isSettled)
  leader.life.disk.resume()
  equal((await sending.promise).error, '')
  await cluster.until('the followers have it', () => followers.every((follower) => follower.logEnd(topic) === 1))
  // And always: no follower is ahead of the leader's disk.
  for (const value of numbered('w', 50)) {
    await produceTo(client, leader.id, place, [value], { acks: 1 })
    for (const follower of followers) ok(follower.logEnd(topic) <= leader.durableEnd(topic))
  }
})

requirement('W2', async () => {
  await using cluster = await startReplicated()
  const client = cluster.client()
  const leader = cluster.leader(topic)
  const [held, other] = cluster.others(leader.id)
  // The follower can be reached, but cannot ask.
  held!.life.outgoing.shut()
  equal((await produceTo(client, leader.id, place, ['pulled'], { acks: 1 })).error, '')
  await cluster.until('the other one has it', () => other!.durableEnd(topic) === 1)
  await fetchedAgain(cluster, leader)
  equal(held!.logEnd(topic), 0)
  held!.life.outgoing.open()
  await cluster.until('it asks, and has it', () => held!.durableEnd(topic) === 1)
  equal(await held!.metric('polylog_kafka_requests_total', 'api="Produce"'), 0)
  ok((await held!.metric('polylog_replication_bytes_in_total')) > 0)
})

requirement('W3', async () => {
  await using cluster = await startReplicated()
  const client = cluster.client()
  const leader = cluster.leader(topic)
  const [slow, other] = cluster.others(leader.id)
  slow!.life.disk.stall()
  const answer = await produceTo(client, leader.id, place, ['not on all disks'], { timeoutMs })
  equal(answer.error, 'REQUEST_TIMED_OUT')
  // It has the record, even in its file, but cannot say that it is safe.
  equal(slow!.logEnd(topic), 1)
  equal(slow!.durableEnd(topic), 0)
  equal(other!.durableEnd(topic), 1)
  equal((await fetchFrom(client, leader.id, place)).highWatermark, 0)
  slow!.life.disk.resume()
  equal((await produceTo(client, leader.id, place, ['on all disks'])).error, '')
  equal(slow!.durableEnd(topic), 2)
  deepEqual(await readAll(client, place), ['not on all disks', 'on all disks'])
})

requirement('W4', async () => {
  await using cluster = await RealCluster.start(3)
  const inSync = { topic: 'in-sync' }
  const literal = { topic: 'literal' }
  await cluster.createTopic({ name: inSync.topic, partitionCount: 1, replicationFactor: 3 })
  const configs = new Map([['polylog.acks.replicas', 'all']])
  await cluster.createTopic({ name: literal.topic, partitionCount: 1, replicationFactor: 3, configs })
  const client = cluster.client()
  const produce = async ({ topic: name }: { topic: string }, value: string): Promise<string> => {
    return (await produceTo(client, cluster.leader(name).id, { topic: name }, [value], { timeoutMs })).error
  }

  const [held] = cluster.others(cluster.leader(inSync.topic).id)
  held!.life.outgoing.shut()
  equal(await produce(inSync, 'one of three has stopped'), 'REQUEST_TIMED_OUT')
  const present = cluster.nodes.filter((node) => node !== held)
  for (const node of present) equal(node.durableEnd(inSync.topic), 1)
  held!.life.outgoing.open()
  await cluster.until('it has caught up', () => held!.durableEnd(inSync.topic) === 1)
  equal(await produce(inSync, 'all are there'), '')

  // One that is dead leaves the in-sync set; only the literal level goes on to wait for it.
  const leaders = [inSync, literal].map((each) => cluster.leader(each.topic).id)
  const victim = cluster.nodes.find(({ id }) => !leaders.includes(id))!
  await victim.kill()
  await cluster.until('it has left the in-sync sets', () =>
    [inSync, literal].every((each) => cluster.partition(each.topic).inSyncReplicas.length === 2),
  )
  equal(await produce(inSync, 'two of three'), '')
  equal(await produce(literal, 'two of three'), 'REQUEST_TIMED_OUT')
  await victim.start()
  await cluster.inSync(literal.topic)
  equal(await produce(literal, 'all are back'), '')
  equal(victim.durableEnd(literal.topic), 2)
})

requirement('W5', async () => {
  await using cluster = await startReplicated()
  const client = cluster.client()
  const leader = cluster.leader(topic)
  const followers = cluster.others(leader.id)
  for (const { life } of followers) life.outgoing.shut()
  const producer = kafkajsClient(cluster.addresses).producer({ allowAutoTopicCreation: false })
  await producer.connect()
  leader.life.disk.stall()
  // Nobody is waited for: the call is over although no disk has the record.
  await producer.send({ topic, acks: 0, messages: [{ value: 'acks=0' }] })
  await producer.disconnect()
  await cluster.until('the leader has it in memory', () => leader.logEnd(topic) === 1)
  equal((await produceTo(client, leader.id, place, ['acks=1'], { acks: 1, timeoutMs })).error, 'REQUEST_TIMED_OUT')
  leader.life.disk.resume()
  equal((await produceTo(client, leader.id, place, ['acks=1 again'], { acks: 1 })).error, '')
  equal((await produceTo(client, leader.id, place, ['acks=all'], { timeoutMs })).error, 'REQUEST_TIMED_OUT')
  for (const { life } of followers) life.outgoing.open()
  equal((await produceTo(client, leader.id, place, ['acks=all again'])).error, '')
  deepEqual(await readAll(client, place), ['acks=0', 'acks=1', 'acks=1 again', 'acks=all', 'acks=all again'])
})
