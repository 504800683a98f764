/** Chapters 9 to 12 of the founding series, and its tags, sharding keys and push: what a queue does with messages. */
import { deepEqual, equal, ok, rejects } from 'node:assert/strict'
import { BatchError, ClientError } from '@polylog/client'
import type { QueueMessage } from '@polylog/client'
import { until } from '../system/wait.ts'
import { requirement } from './requirement.ts'
import { Alone } from './world/alone.ts'
import { queueSettings, take, takeDone, textOf, texts } from './world/queues.ts'
import { numbered } from './world/records.ts'

const endless = (): Promise<void> => new Promise(() => undefined)

// Fails if a pull returns too many, does not wait for the first, does not end without one, or if the loop loses messages.
requirement('C9', async () => {
  await using alone = await Alone.start(queueSettings)
  await alone.topics('jobs')
  const client = await alone.sdk()
  const queue = await client.consumer('workers').topic('jobs').open()
  deepEqual(await queue.pull({ waitMs: 100 }), [])
  // It waits long before anything is sent; a pull that polled but once would come back with nothing.
  const waiting = queue.pull({ max: 4, waitMs: 60_000 })
  const producer = client.producer()
  await producer.send('jobs', 'first')
  const [first] = await waiting
  await first!.accept()
  equal(textOf(first!), 'first')
  await producer.sendBatch('jobs', numbered('job', 10))
  const seen: string[] = []
  for (let pulls = 0; pulls < 2; pulls++) {
    const some = await queue.pull({ max: 3, waitMs: 30_000 })
    ok(some.length >= 1 && some.length <= 3, `${some.length}`)
    seen.push(...some.map(textOf))
    for (const message of some) await message.accept()
  }
  for await (const message of queue) {
    seen.push(textOf(message))
    await message.accept()
    if (seen.length === 10) break
  }
  deepEqual(seen.toSorted(), numbered('job', 10))
})

// Fails if a retry comes early or never, a rejected or accepted message comes again, a renewed one is lost, or a failing
// handler is called more or less often than the limit says.
requirement('C10', async () => {
  await using alone = await Alone.start(queueSettings)
  await alone.topics({ name: 'jobs', partitionCount: 1 }, 'dead')
  const client = await alone.sdk()
  const producer = client.producer()
  await producer.sendBatch('jobs', ['accept', 'retry', 'reject', 'renew'])
  const queue = await client.consumer('workers').topic('jobs').deadLetter('dead').open()
  const [accepted, retried, rejected, renewed] = await take(queue, 4)
  const delayMs = 500
  const startMs = performance.now()
  await retried!.retry({ delayMs })
  await Promise.all([accepted!.accept(), rejected!.reject('no use'), renewed!.renew()])
  const [again] = await take(queue, 1)
  ok(performance.now() - startMs >= delayMs - 1)
  deepEqual([textOf(again!), again!.deliveryCount], ['retry', 2])
  await again!.accept()
  await renewed!.accept()

  const graves = await client.consumer('undertakers').topic('dead').open()
  const [letter] = await takeDone(graves, 1)
  deepEqual([textOf(letter!), letter!.header('polylog.dead.reason')], ['reject', 'no use'])
  await queue.close()
  const calls: string[] = []
  await client
    .consumer('workers')
    .topic('jobs')
    .deadLetter('dead')
    .retry({ attempts: 3, initialMs: 10, maxMs: 20 })
    .start((message) => {
      calls.push(`${textOf(message)} ${message.deliveryCount}`)
      throw new Error('cannot be done')
    })
  await producer.send('jobs', 'throws')
  const [last] = await takeDone(graves, 1)
  deepEqual([textOf(last!), last!.header('polylog.dead.deliveries')], ['throws', '3'])
  deepEqual(calls, ['throws 1', 'throws 2', 'throws 3'])
})

// Fails if what one group does or leaves undone changes what another one gets.
requirement('C11', async () => {
  await using alone = await Alone.start(queueSettings)
  await alone.topics('orders')
  const client = await alone.sdk()
  const values = numbered('order', 50)
  await client.producer().sendBatch('orders', values)
  const options = { topic: 'orders', concurrency: 4, retry: { attempts: 1000, initialMs: 10, maxMs: 10 } }
  let isRepaired = false
  const mended: string[] = []
  const failing = await client.consume({ ...options, group: 'failing' }, (message) => {
    if (!isRepaired) throw new Error('out of order')
    mended.push(textOf(message))
  })
  const stuck = await client.consume({ ...options, group: 'stuck' }, endless)
  const seen: QueueMessage<Buffer | null>[] = []
  const healthy = await client.consume({ ...options, group: 'healthy' }, (message) => void seen.push(message))
  await until('the healthy group is through', () => healthy.counts.accepted >= values.length)
  await until('the failing group has tried', () => failing.counts.retried >= 100)
  deepEqual(texts(seen), values)
  ok(seen.every(({ deliveryCount }) => deliveryCount === 1))
  deepEqual([failing.counts.accepted, stuck.counts.accepted], [0, 0])
  isRepaired = true
  await until('the failing group is through as well', () => failing.counts.accepted >= values.length)
  deepEqual([mended.toSorted(), healthy.counts.received], [values, values.length])
  await stuck.close({ timeoutMs: 0 })
})

// Fails if a batch is sent under one key, gives results out of order, breaks over its size or hides which message failed, or
// if a batch handler gets messages one by one or a failed batch does not come again.
requirement('C12', async () => {
  await using alone = await Alone.start({ ...queueSettings, messageBytesMax: 1 << 20 })
  await alone.topics('jobs', 'large', 'empty')
  const client = await alone.sdk()
  const producer = client.producer()
  deepEqual(await producer.sendBatch('empty', []), [])
  const sent = await producer.sendBatch(
    'jobs',
    numbered('job', 30).map((value) => ({ value, key: value, id: `id of ${value}` })),
  )
  equal(new Set(sent.map(({ partition }) => partition)).size, 3)
  deepEqual(
    sent.map(({ id }) => id),
    numbered('id of job', 30),
  )
  // Three times what one batch may hold.
  const filler = 'x'.repeat(100_000)
  equal(
    (
      await producer.sendBatch(
        'large',
        Array.from({ length: 30 }, () => filler),
      )
    ).length,
    30,
  )
  const failure = producer.sendBatch('large', ['small', 'x'.repeat(3 << 20), 'small as well'])
  await rejects(failure, (error: unknown) => {
    if (!(error instanceof BatchError)) throw error
    deepEqual(
      error.results.map((result) => result instanceof ClientError),
      [false, true, false],
    )
    return true
  })
  const batches: string[][] = []
  const consumer = await client
    .consumer('workers')
    .topic('jobs')
    .retry({ attempts: 5, initialMs: 10 })
    .batch({ max: 10, waitMs: 500 })
    .start((messages) => {
      batches.push(messages.map(textOf))
      if (batches.length === 1) throw new Error('the first one fails')
    })
  await until('all are accepted', () => consumer.counts.accepted >= 30)
  ok(Math.max(...batches.map(({ length }) => length)) > 1)
  ok(batches.every(({ length }) => length <= 10))
  deepEqual(batches.slice(1).flat().toSorted(), numbered('job', 30))
})

// Fails if the filter matches otherwise than documented or is left to the client, if two of a key run at once or out of
// order, or if more is handled or held than was allowed.
requirement('C14', async () => {
  await using alone = await Alone.start(queueSettings)
  await alone.topics('orders', 'steps', { name: 'held', partitionCount: 1 })
  const client = await alone.sdk()
  const producer = client.producer()
  const tagged = [['TAGA'], ['TAGAB'], [], ['B', 'TAGA'], ['XTAGA']]
  await producer.sendBatch(
    'orders',
    tagged.map((tags) => ({ value: tags.join('+') || 'untagged', tags })),
  )
  for (const [group, filter, expected] of [
    ['exact', 'TAGA', ['B+TAGA', 'TAGA', 'last']],
    ['find', '/TAGA/', ['B+TAGA', 'TAGA', 'TAGAB', 'XTAGA', 'last']],
    ['whole', '/^TAGA.$/', ['TAGAB', 'last']],
    ['any', '/.*/', ['B+TAGA', 'TAGA', 'TAGAB', 'XTAGA', 'last']],
  ] as const) {
    const seen: string[] = []
    const consumer = client
      .consumer(group)
      .topic('orders')
      .tags(filter, ...(filter.startsWith('/') ? [] : ['TAGAZ']))
    const { counts } = await consumer.start((message) => void seen.push(textOf(message)))
    if (group === 'exact') await producer.send('orders', { value: 'last', tags: ['TAGAZ'] })
    await until(`${group} has what it wants`, () => seen.length >= expected.length)
    deepEqual([seen.toSorted(), counts.filtered], [expected, 0], group)
  }
  ok((await alone.node.metric('polylog_queue_filtered_total')) > 0)

  const keys = ['alice', 'bob', 'carol', 'dave']
  for (const value of numbered('step', 10))
    await producer.sendBatch(
      'steps',
      keys.map((key) => ({ key, value })),
    )
  const orders = new Map<string, string[]>(keys.map((key) => [key, []]))
  const running = new Set<string>()
  let widest = 0
  const ordered = await client
    .consumer('ordered')
    .topic('steps')
    .ordered()
    .concurrency(3)
    .start(async (message) => {
      const key = String(message.key)
      ok(!running.has(key), `two of ${key} at once`)
      running.add(key)
      widest = Math.max(widest, running.size)
      orders.get(key)!.push(textOf(message))
      await new Promise((resolve) => setTimeout(resolve, 2))
      running.delete(key)
    })
  await until('all steps are done', () => ordered.counts.accepted >= 40)
  deepEqual(
    [...orders.values()],
    keys.map(() => numbered('step', 10)),
  )
  ok(widest > 1 && widest <= 3, `${widest} at a time`)

  await producer.sendBatch('held', numbered('job', 40))
  const stuck = await client.consume({ group: 'stuck', topic: 'held', concurrency: 2, prefetch: 5 }, endless)
  const other = await client
    .consumer('stuck')
    .topic('held')
    .start(() => undefined)
  await until('the other one has done what the first left', () => other.counts.accepted >= 35)
  ok(stuck.counts.received <= 5, `${stuck.counts.received} held`)
  await stuck.close({ timeoutMs: 0 })
})
