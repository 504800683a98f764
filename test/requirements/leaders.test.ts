/** One leader per partition, which alone takes writes and serves reads, and what happens when it dies. */
import { deepEqual, equal, notEqual, ok } from 'node:assert/strict'
import type { TestContext } from 'node:test'
import { requirement } from './requirement.ts'
import { PatientProducer } from './world/kafkajs.ts'
import { fetchFrom, produceTo } from './world/raw.ts'
import { RealCluster } from './world/real-cluster.ts'
import { assertSame, numbered, read, readAll, send } from './world/records.ts'

const topic = 'events'

async function startReplicated(partitionCount = 1): Promise<RealCluster> {
  const cluster = await RealCluster.start(3)
  const configs = new Map([['min.insync.replicas', '2']])
  await cluster.createTopic({ name: topic, partitionCount, replicationFactor: 3, configs })
  return cluster
}

requirement('K6', async () => {
  await using cluster = await startReplicated(6)
  for (let index = 0; index < 6; index++) {
    const { leader, replicas } = cluster.partition(topic, index)
    ok(replicas.includes(leader))
    // As told by all, and as they behave: only one of them takes a record.
    for (const node of cluster.nodes) equal(cluster.partition(topic, index, node).leader, leader)
    const client = cluster.client()
    const place = { topic, partition: index }
    const answers = await Promise.all(cluster.nodes.map(({ id }) => produceTo(client, id, place, [`record ${index}`])))
    deepEqual(
      answers.map(({ error }) => error === ''),
      cluster.nodes.map(({ id }) => id === leader),
    )
    for (const { id, broker } of cluster.nodes) {
      equal(broker.topics.partition(topic, index) !== undefined, id === leader)
      equal(broker.topics.follower(topic, index) !== undefined, id !== leader)
    }
  }
})

requirement('K7', async () => {
  await using cluster = await startReplicated()
  const client = cluster.client()
  const leader = cluster.leader(topic)
  for (const { id } of cluster.others(leader.id)) {
    const answer = await produceTo(client, id, { topic }, ['to a follower'])
    equal(answer.error, 'NOT_LEADER_OR_FOLLOWER')
    equal(answer.leader, leader.id)
  }
  equal((await produceTo(client, leader.id, { topic }, ['to the leader'])).error, '')
  deepEqual(await readAll(client, { topic }), ['to the leader'])
})

requirement('K8', async () => {
  await using cluster = await startReplicated()
  const client = cluster.client()
  await send(client, { topic }, numbered('read', 10))
  const leader = cluster.leader(topic)
  for (const { id } of cluster.others(leader.id)) {
    const answer = await fetchFrom(client, id, { topic })
    equal(answer.error, 'NOT_LEADER_OR_FOLLOWER')
    equal(answer.leader, leader.id)
    deepEqual(answer.values, [])
  }
  deepEqual((await fetchFrom(client, leader.id, { topic })).values, numbered('read', 10))
})

/** Records that it had confirmed, one after the other, until it was told to end. */
class Load {
  readonly sent: string[] = []
  longestMs = 0
  readonly #send: (value: string) => Promise<void>
  readonly #name: string
  #isOver = false
  readonly #running: Promise<void>

  constructor(name: string, send: (value: string) => Promise<void>) {
    this.#name = name
    this.#send = send
    this.#running = this.#run()
  }

  async #run(): Promise<void> {
    while (!this.#isOver) {
      const value = `${this.#name} ${this.sent.length}`
      const startMs = performance.now()
      await this.#send(value)
      this.longestMs = Math.max(this.longestMs, performance.now() - startMs)
      this.sent.push(value)
    }
  }

  end(): Promise<void> {
    this.#isOver = true
    return this.#running
  }
}

requirement('K9', async (context: TestContext) => {
  await using cluster = await startReplicated(3)
  const victim = cluster.leader(topic, 0)
  const index = [1, 2].find((each) => cluster.partition(topic, each).leader !== victim.id)!
  const [led, followed] = [{ topic }, { topic, partition: index }]
  const other = cluster.leader(topic, index)
  await using producer = await PatientProducer.connect(cluster.addresses)
  await using second = await PatientProducer.connect(cluster.addresses)
  const client = cluster.client(other.address)
  const loads = [
    new Load('led', async (value) => void (await producer.send(led, [value]))),
    new Load('followed', async (value) => void (await second.send(followed, [value]))),
    // Without any retry: whoever waits for the leader alone must not notice anything.
    new Load('undisturbed', async (value) =>
      equal((await produceTo(client, other.id, followed, [value], { acks: 1 })).error, ''),
    ),
  ]
  const goOn = (): Promise<void> => {
    const counts = loads.map(({ sent }) => sent.length + 20)
    return cluster.until('all go on', () => loads.every(({ sent }, i) => sent.length >= counts[i]!))
  }
  await goOn()
  for (const load of loads) load.longestMs = 0
  await victim.kill()
  await cluster.until('another leads', () => ![-1, victim.id].includes(cluster.partition(topic, 0).leader))
  await goOn()
  await Promise.all(loads.map((load) => load.end()))
  notEqual(cluster.leader(topic, 0), victim)
  ok(cluster.partition(topic, 0).replicas.includes(cluster.leader(topic, 0).id))
  equal(cluster.leader(topic, index), other)
  const reader = cluster.client()
  // What the leader alone has confirmed becomes visible a moment later.
  const counts = loads.map(({ sent }) => sent.length)
  const found = [...(await read(reader, led, counts[0]!)), ...(await read(reader, followed, counts[1]! + counts[2]!))]
  for (const [i, name] of ['led', 'followed', 'undisturbed'].entries()) {
    assertSame(
      found.filter((value) => value.startsWith(`${name} `)),
      loads[i]!.sent,
    )
  }
  const [ledMs, followedMs, undisturbedMs] = loads.map(({ longestMs }) => longestMs.toFixed(0))
  context.diagnostic(
    `longest wait in ms: ${ledMs} where it led; ${followedMs} (all) and ${undisturbedMs} (acks=1) where not`,
  )
})
