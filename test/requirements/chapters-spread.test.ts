/** Chapters 7 and 16 to 19 of the founding series: who gets what, and what becomes of it in the long run. */
import { deepEqual, equal, ok, rejects } from 'node:assert/strict'
import type { AssignorName, Client, DeduplicationStore, PartitionerOption, ReceivedMessage } from '@polylog/client'
import { until } from '../system/wait.ts'
import { requirement } from './requirement.ts'
import { Alone } from './world/alone.ts'
import { queueSettings, take, takeDone, textOf } from './world/queues.ts'
import { produceTo } from './world/raw.ts'
import { numbered, readAll } from './world/records.ts'

/** Partitions that messages without keys went to, one after the other. */
async function spread(client: Client, partitioner: PartitionerOption, count: number, size: number): Promise<number[]> {
  const producer = client.producer({ partitioner })
  const partitions: number[] = []
  for (let i = 0; i < count; i++) partitions.push((await producer.send('spread', 'x'.repeat(size))).partition)
  await producer.close()
  return partitions
}

function countsOf(partitions: readonly number[]): number[] {
  return [0, 1, 2, 3].map((index) => partitions.filter((each) => each === index).length)
}

/** Hashes of these keys as Kafka's own tests have them, most of them negative; with four partitions the last bits choose. */
const javaHashes: Readonly<Record<string, number>> = {
  '21': -973932308,
  foobar: -790332482,
  'a-little-bit-long-string': -985981536,
  'a-little-bit-longer-string': -1486304829,
  lkjh234lh9fiuh90y23oiuhsafujhadof229phr9h19h89h8: -58897971,
  abc: 479470107,
}

/** Members learn at a third of it that others have come; who loses its place by a stall takes another one. */
const sessionTimeoutMs = 6000

async function assign(client: Client, other: Client, assignor: AssignorName): Promise<void> {
  const seen = new Set<string>()
  const options = { group: assignor, topic: 'assigned', assignor, sessionTimeoutMs, commitIntervalMs: 50 }
  const handler = (message: { value: Buffer | null }): void => void seen.add(String(message.value))
  const first = await client.subscribe(options, handler)
  const second = await other.subscribe(options, handler)
  await until(`${assignor} has shared out`, () => first.assigned.length === 3 && second.assigned.length === 3)
  await client.producer().sendBatch(
    'assigned',
    numbered(assignor, 6).map((value, partition) => ({ value, partition })),
  )
  await until(`${assignor} handles all`, () => numbered(assignor, 6).every((value) => seen.has(value)))
  await second.close()
  await until(`${assignor} has given back`, () => first.assigned.length === 6)
  await first.close()
}

// Fails if a partitioner spreads otherwise than its name says, a key goes elsewhere than with Java, a busy consumer is sent
// more than it can take, or an assignor leaves partitions to nobody.
requirement('C7', async () => {
  await using alone = await Alone.start(queueSettings)
  await alone.topics({ name: 'spread', partitionCount: 4 }, { name: 'assigned', partitionCount: 6 })
  await alone.topics({ name: 'jobs', partitionCount: 1 })
  const client = await alone.sdk()
  deepEqual(countsOf(await spread(client, 'round-robin', 8, 1)), [2, 2, 2, 2])
  deepEqual(countsOf(await spread(client, { weighted: [1, 0, 2, 1] }, 8, 1)), [2, 0, 4, 2])
  deepEqual(countsOf(await spread(client, ({ size }) => (size > 100 ? 3 : 1), 4, 200)), [0, 0, 0, 4])
  equal(new Set(await spread(client, 'uniform', 8, 1)).size, 1)
  ok(new Set(await spread(client, 'uniform', 8, 40_000)).size > 1)
  const producer = client.producer()
  for (const [key, hash] of Object.entries(javaHashes)) {
    const { partition } = await producer.send('spread', { key, value: 'x' })
    equal(partition, (hash & 0x7fffffff) % 4, key)
  }
  await producer.sendBatch('jobs', numbered('job', 40))
  const busy = await client.consume({ group: 'g', topic: 'jobs' }, () => new Promise(() => undefined))
  const free = await client.consume({ group: 'g', topic: 'jobs', concurrency: 8 }, () => undefined)
  await until('the free one has done the rest', () => free.counts.accepted >= 38)
  ok(busy.counts.received <= 2, `${busy.counts.received}`)
  await busy.close({ timeoutMs: 0 })
  const other = await alone.sdk()
  const assignors: AssignorName[] = ['range', 'round-robin', 'sticky', 'cooperative-sticky', 'uniform']
  await Promise.all(assignors.map((assignor) => assign(client, other, assignor)))
})

// Fails if two messages share an id, or if an id changes on the way, at another delivery, or in the dead-letter topic.
requirement('C16', async () => {
  await using alone = await Alone.start(queueSettings)
  await alone.topics('jobs', 'dead')
  const client = await alone.sdk()
  const producer = client.producer()
  const sent = await producer.sendBatch('jobs', [{ value: 'own', id: 'order-4711' }, ...numbered('job', 200)])
  const ids = sent.map(({ id }) => id)
  equal(new Set(ids).size, 201)
  equal(ids[0], 'order-4711')
  const queue = await client.consumer('workers').topic('jobs').deadLetter('dead').open()
  const first = await take(queue, 201)
  deepEqual(new Set(first.map(({ id }) => id)), new Set(ids))
  await Promise.all(
    first.map((message) => (textOf(message) === 'own' ? message.retry({ delayMs: 0 }) : message.accept())),
  )
  const [again] = await take(queue, 1)
  deepEqual([again!.id, again!.deliveryCount], ['order-4711', 2])
  await again!.reject()
  const [letter] = await takeDone(await client.consumer('undertakers').topic('dead').open(), 1)
  equal(letter!.id, 'order-4711')
})

// Fails if a full disk takes the broker down, confirms what it cannot store, keeps readers out, or is not left behind.
requirement('C17', async () => {
  await using alone = await Alone.start(queueSettings)
  await alone.topics({ name: 'jobs', partitionCount: 1 })
  const client = await alone.sdk()
  const values = numbered('before', 10)
  const producer = client.producer({ idempotent: true })
  await producer.sendBatch('jobs', values)
  const { disk } = alone.node.life
  disk.isFull = true
  const { error } = await produceTo(alone.client(), 1, { topic: 'jobs' }, ['too much'], { timeoutMs: 1500 })
  ok(['KAFKA_STORAGE_ERROR', 'REQUEST_TIMED_OUT'].includes(error), error)
  const patient = producer.send('jobs', 'patient')
  // Reading takes no space.
  deepEqual(await readAll(alone.client(), { topic: 'jobs' }), values)
  disk.isFull = false
  await patient
  await alone.node.kill()
  await alone.node.start()
  // What was under way when the disk became full was not confirmed: it may be there or not.
  const stored = await readAll(alone.client(), { topic: 'jobs' })
  deepEqual(
    stored.filter((value) => value !== 'too much'),
    [...values, 'patient'],
  )
})

// Fails if messages of one key overtake each other, among many handlers or when a member joins and leaves in between.
requirement('C18', async () => {
  await using alone = await Alone.start(queueSettings)
  await alone.topics('steps')
  const client = await alone.sdk()
  const other = await alone.sdk()
  const keys = Array.from({ length: 12 }, (_, i) => `key ${i}`)
  const orders = new Map<string, string[]>(keys.map((key) => [key, []]))
  let runningCount = 0
  let widest = 0
  let handledCount = 0
  const options = { group: 'g', topic: 'steps', concurrency: 8, sessionTimeoutMs, commitIntervalMs: 50 }
  const handler = async (message: { key: Buffer | null; value: Buffer | null }): Promise<void> => {
    widest = Math.max(widest, ++runningCount)
    // Uneven work, so that messages of one key would overtake each other if they could.
    await new Promise((resolve) => setTimeout(resolve, (++handledCount * 7) % 4))
    runningCount--
    const order = orders.get(String(message.key))!
    // A message may come twice when partitions move; what counts is where it stands the first time.
    if (!order.includes(String(message.value))) order.push(String(message.value))
  }
  const producer = client.producer()
  const send = async (from: number): Promise<void> => {
    for (const value of numbered('step', 10, from)) {
      await producer.sendBatch(
        'steps',
        keys.map((key) => ({ key, value })),
      )
    }
  }
  const done = (count: number): boolean => [...orders.values()].every(({ length }) => length >= count)
  const first = await client.subscribe(options, handler)
  await send(0)
  const second = await other.subscribe(options, handler)
  await send(10)
  await until('both have some partitions', () => first.assigned.length > 0 && second.assigned.length > 0)
  await until('twenty of each key are done', () => done(20))
  await second.close()
  await send(20)
  await until('thirty of each key are done', () => done(30))
  deepEqual(
    [...orders.values()],
    keys.map(() => numbered('step', 30)),
  )
  ok(widest > 1, 'nothing ran side by side')
  await first.close()
})

// Fails if more consumers do not work side by side on one backlog, or if a message that expires vanishes without a trace.
requirement('C19', async () => {
  await using alone = await Alone.start(queueSettings)
  await alone.topics({ name: 'backlog', partitionCount: 1 }, 'offers', 'expired')
  const client = await alone.sdk()
  const producer = client.producer()
  await producer.sendBatch('backlog', numbered('job', 200))
  let runningCount = 0
  const work = { widest: 0 }
  const handler = async (): Promise<void> => {
    work.widest = Math.max(work.widest, ++runningCount)
    await new Promise((resolve) => setTimeout(resolve, 5))
    runningCount--
  }
  const options = { group: 'workers', topic: 'backlog', prefetch: 2 }
  const consumers = [await client.consume(options, handler)]
  await until('one works alone', () => consumers[0]!.counts.accepted >= 10)
  deepEqual(work, { widest: 1 })
  for (let i = 0; i < 3; i++) consumers.push(await (await alone.sdk()).consume(options, handler))
  const accepted = (): number => consumers.reduce((sum, { counts }) => sum + counts.accepted, 0)
  await until('the backlog is gone', () => accepted() >= 200)
  ok(work.widest === 4 && consumers.every(({ counts }) => counts.accepted > 0), `${work.widest} at a time`)

  const longAgoMs = Date.now() - 7_200_000
  await producer.sendBatch('offers', [{ value: 'old', timestampMs: longAgoMs }, { value: 'new' }])
  const queue = { group: 'shoppers', topic: 'offers', ttlMs: 3_600_000, deadLetter: 'expired' }
  const [fresh] = await takeDone(await client.openQueue(queue), 1)
  equal(textOf(fresh!), 'new')
  const [letter] = await takeDone(await client.consumer('undertakers').topic('expired').open(), 1)
  deepEqual([textOf(letter!), letter!.header('polylog.dead.reason')], ['old', 'expired'])
  ok((await alone.node.metric('polylog_queue_expired_total')) >= 1)
})

/** What a database that all members share would be. */
function sharedStore(): DeduplicationStore {
  const ids = new Set<string>()
  return {
    seen: async ({ group, id }) => ids.has(`${group} ${id}`),
    mark: async ({ group, id }) => void ids.add(`${group} ${id}`),
  }
}

// Fails if a repeat is handled within the window or dropped after it, if an id counts though its handler failed, if groups share
// their windows, if a store does not hold over members, or if whoever repeats a request is left waiting.
requirement('C20', async () => {
  await using alone = await Alone.start(queueSettings)
  await alone.topics({ name: 'orders', partitionCount: 1 }, { name: 'sums', partitionCount: 1 })
  const client = await alone.sdk()
  const producer = client.producer()
  const send = async (...ids: string[]): Promise<void> => {
    for (const id of ids) equal((await producer.send('orders', { id, value: id })).id, id)
  }
  const hour = { windowMs: 3_600_000 }
  const seen = new Map<string, string[]>()
  const note =
    (who: string) =>
    (message: ReceivedMessage<Buffer | null>): void => {
      const ids = seen.get(who) ?? []
      seen.set(who, ids)
      ids.push(message.id!)
      if (who === 'failing' && ids.length === 1) throw new Error('once')
    }
  // One partition, one handler: whoever has seen the last message has decided on those before it.
  const through = (who: string, last: string) =>
    until(`${who} has ${last}`, () => seen.get(who)?.includes(last) === true)

  await send('a', 'b', 'a')
  const options = { topic: 'orders', deduplication: hour, retry: { attempts: 3, initialMs: 10 } }
  const queue = await client.consume({ ...options, group: 'queue' }, note('queue'))
  await client.consume({ ...options, group: 'failing' }, note('failing'))
  const brief = await client.consume({ ...options, group: 'brief', deduplication: { windowMs: 1 } }, note('brief'))
  await client.subscribe({ ...options, group: 'readers' }, note('readers'))
  const store = sharedStore()
  const sharing = { ...options, group: 'sharing', deduplication: { ...hour, store } }
  const first = await client.consume(sharing, note('sharing'))
  const everybody = ['queue', 'failing', 'brief', 'readers', 'sharing']
  for (const who of everybody) await until(`${who} has begun`, () => new Set(seen.get(who)).size === 2)
  await first.close()
  await client.consume(sharing, note('sharing'))
  await until('the brief one is through', () => brief.counts.accepted + brief.counts.repeated === 3)
  const startMs = performance.now()
  await until('the brief window is over', () => performance.now() - startMs > 10)
  await send('b', 'a', 'end')
  for (const who of everybody) await through(who, 'end')
  deepEqual(seen.get('queue'), ['a', 'b', 'end'])
  deepEqual([queue.counts.received, queue.counts.repeated], [6, 3])
  deepEqual(seen.get('readers'), ['a', 'b', 'end'])
  deepEqual(seen.get('sharing'), ['a', 'b', 'end'])
  deepEqual(seen.get('brief')!.slice(-3), ['b', 'a', 'end'])
  deepEqual(seen.get('failing')!.toSorted(), ['a', 'a', 'b', 'end'])

  let sums = 0
  await client.consume({ group: 'calculators', topic: 'sums', deduplication: hour }, () => ++sums)
  const ask = () => client.request('sums', { id: 'sum', value: '1 + 0' }, { timeoutMs: 60_000 })
  equal(String(await ask()), '1')
  await rejects(ask(), { code: 'request-failed' })
  equal(sums, 1)
})
