/** Defects of the founding series that lose, repeat or hold up messages: each test shows one of them absent. */
import { deepEqual, equal, ok, rejects } from 'node:assert/strict'
import { connectIn } from '../../packages/client/src/client.ts'
import { connect } from '@polylog/client'
import type { QueueMessage } from '@polylog/client'
import { listOffsets, systemEnvironment } from '@polylog/client/admin'
import { until } from '../system/wait.ts'
import { requirement } from './requirement.ts'
import { Alone } from './world/alone.ts'
import { queueSettings, setGroup, take, takeDone, textOf, texts } from './world/queues.ts'
import { numbered } from './world/records.ts'
import { RealCluster } from './world/real-cluster.ts'

const hourMs = 3_600_000
const endless = (): Promise<void> => new Promise(() => undefined)
const inOne = { partitionCount: 1 }

// Fails if a kill loses messages or what was accepted, or if the log keeps what its topic's limit says is to go.
requirement('D1', async () => {
  await using alone = await Alone.start({ ...queueSettings, retentionCheckIntervalMs: 200 })
  const configs = new Map([
    ['retention.bytes', '50000'],
    ['segment.bytes', '20000'],
  ])
  await alone.topics({ name: 'jobs', ...inOne }, { name: 'short', ...inOne, configs })
  const client = await alone.sdk()
  const values = numbered('job', 20)
  await client.producer().sendBatch('jobs', values)
  const queue = await client.consumer('workers').topic('jobs').open()
  const done = await takeDone(queue, 5)
  await alone.node.kill()
  await alone.node.start()
  const rest = await takeDone(queue, 15)
  deepEqual(texts([...done, ...rest]), values)
  const producer = client.producer()
  for (const value of numbered('filler', 50)) await producer.send('short', value.padEnd(5000))
  const oldest = async (): Promise<number> => (await listOffsets(alone.client(), 'short', [0], 'beginning')).get(0)!
  await until('the oldest are gone', async () => (await oldest()) >= 20)
})

// Fails if what one group says of a message, or that it holds it, shows in another group.
requirement('D2', async () => {
  await using alone = await Alone.start(queueSettings)
  await alone.topics({ name: 'jobs', ...inOne })
  const client = await alone.sdk()
  await client.producer().sendBatch('jobs', numbered('job', 10))
  const [first, second] = [
    await client.consumer('one').topic('jobs').open(),
    await client.consumer('two').topic('jobs').open(),
  ]
  const held = await take(first, 10)
  const also = await take(second, 10)
  await Promise.all(held.map((message) => message.reject()))
  await Promise.all(also.map((message) => message.retry({ delayMs: 0 })))
  const again = await takeDone(second, 10)
  deepEqual(texts(again), numbered('job', 10))
  ok(again.every(({ deliveryCount }) => deliveryCount === 2))
  deepEqual(await first.pull({ waitMs: 300 }), [])
})

// Fails if a later attempt is given the outcome of an earlier one: of a delivery, of a request, or of another group.
requirement('D3', async () => {
  await using alone = await Alone.start(queueSettings)
  await alone.topics('jobs', 'questions')
  const client = await alone.sdk()
  const { id } = await client.producer().send('jobs', 'once')
  const calls: string[] = []
  const retry = { attempts: 5, initialMs: 10, maxMs: 10 }
  const unlucky = await client.consume({ group: 'unlucky', topic: 'jobs', retry }, ({ deliveryCount }) => {
    calls.push(`unlucky ${deliveryCount}`)
    if (deliveryCount === 1) throw new Error('at first')
  })
  const lucky = await client.consume({ group: 'lucky', topic: 'jobs', retry }, (message) => {
    calls.push(`lucky ${message.deliveryCount}`)
    equal(message.id, id)
  })
  await until('both have accepted', () => unlucky.counts.accepted === 1 && lucky.counts.accepted === 1)
  deepEqual(calls.toSorted(), ['lucky 1', 'unlucky 1', 'unlucky 2'])

  const late = Promise.withResolvers<string>()
  const answering = await alone.sdk()
  await answering.consume({ group: 'answers', topic: 'questions', concurrency: 2 }, (message) =>
    textOf(message) === 'slow' ? late.promise : 'the second answer',
  )
  await rejects(client.request('questions', 'slow', { timeoutMs: 300 }), { code: 'timed-out' })
  const second = client.request('questions', 'quick', { timeoutMs: hourMs })
  late.resolve('the first answer')
  equal(String(await second), 'the second answer')
})

// Fails if a one-way batch is dropped.
requirement('D4', async () => {
  await using alone = await Alone.start(queueSettings)
  await alone.topics('jobs')
  const client = await alone.sdk()
  const ids = client.producer().sendOneWayBatch('jobs', numbered('job', 100))
  const messages = await takeDone(await client.consumer('workers').topic('jobs').open(), 100)
  deepEqual(texts(messages), numbered('job', 100))
  deepEqual(new Set(messages.map((message) => message.id)), new Set(ids))
})

// Fails if a call whose answer never comes waits longer than it was told to: the test would run into its limit.
requirement('D5', async () => {
  await using alone = await Alone.start(queueSettings)
  await alone.topics('jobs', 'nobody')
  const client = await alone.sdk({ requestTimeoutMs: 60_000 })
  const producer = client.producer({ deliveryTimeoutMs: 1000 })
  await producer.send('jobs', 'warm')
  await rejects(client.request('nobody', 'hello?', { timeoutMs: 300 }), { code: 'timed-out' })
  alone.node.life.incoming.shut()
  await rejects(producer.send('jobs', 'into silence'))
  await rejects(client.request('nobody', 'hello?', { timeoutMs: 300 }), { code: 'timed-out' })
  alone.node.life.incoming.open()
})

// Fails if a message that was handed out and not accepted is not handed out again, whatever became of its consumer.
requirement('D6', async () => {
  await using alone = await Alone.start(queueSettings)
  await alone.topics({ name: 'jobs', ...inOne })
  const producer = (await alone.sdk()).producer()
  await producer.sendBatch('jobs', numbered('job', 6))
  const dying = await alone.sdk()
  const options = { group: 'workers', topic: 'jobs', lockMs: hourMs }
  await take(await dying.openQueue(options), 3)
  await dying.close({ timeoutMs: 0 })
  const failing = await alone.sdk()
  let failures = 0
  await failing.consume({ ...options, retry: { attempts: 100, initialMs: 10, maxMs: 10 } }, () => {
    failures++
    throw new Error('always')
  })
  await until('some have failed', () => failures >= 6)
  await failing.close()
  const next = await alone.sdk()
  deepEqual(texts(await takeDone(await next.openQueue(options), 6)), numbered('job', 6))
})

// Fails if a group that comes late, or comes back, misses what was sent before.
requirement('D7', async () => {
  await using alone = await Alone.start(queueSettings)
  await alone.topics('jobs')
  const client = await alone.sdk()
  const producer = client.producer()
  await producer.sendBatch('jobs', numbered('early', 5))
  const first = await client.consumer('late').topic('jobs').open()
  deepEqual(texts(await takeDone(first, 5)), numbered('early', 5))
  await first.close()
  await producer.sendBatch('jobs', numbered('away', 5))
  const second = await client.consumer('late').topic('jobs').open()
  deepEqual(texts(await takeDone(second, 5)), numbered('away', 5))
})

// Fails if an error, of a handler, of the loop or of the broker, is the last thing that a consumer does.
requirement('D8', async () => {
  await using alone = await Alone.start(queueSettings)
  await alone.topics('jobs', 'batches')
  const client = await alone.sdk()
  const producer = client.producer()
  const queue = await client.consumer('pulling').topic('jobs').retry({ initialMs: 10 }).open()
  const errors: unknown[] = []
  const batches = await client.consumeBatches(
    { group: 'batches', topic: 'batches', batch: {}, retry: { initialMs: 10 }, onError: (error) => errors.push(error) },
    () => {
      if (errors.length === 0) throw new Error('the whole batch')
    },
  )
  await producer.sendBatch('batches', numbered('job', 5))
  await until('the failed batch came again', () => batches.counts.accepted >= 5)
  await producer.send('jobs', 'first')
  await rejects(async () => {
    for await (const message of queue) throw new Error(textOf(message))
  }, /first/)
  alone.node.life.incoming.cut()
  alone.node.life.incoming.open()
  await producer.send('jobs', 'second')
  const seen = new Set<string>()
  for await (const message of queue) {
    seen.add(textOf(message))
    await message.accept().catch(() => undefined)
    if (seen.has('second')) break
  }
})

// Fails if two consumers with nothing set make a send fail, or if one of their messages goes to both or neither.
requirement('D9', async () => {
  await using alone = await Alone.start(queueSettings)
  await alone.topics({ name: 'jobs', ...inOne })
  const client = await alone.sdk()
  const seen: string[] = []
  const consumers = [1, 2].map(() =>
    client
      .consumer('workers')
      .topic('jobs')
      .start((message) => void seen.push(textOf(message))),
  )
  await Promise.all(consumers)
  const producer = client.producer()
  for (const value of numbered('job', 50)) await producer.send('jobs', value)
  await until('all are handled', () => seen.length >= 50)
  deepEqual(seen.toSorted(), numbered('job', 50))
})

// Fails if some key has no partition, or if its partition depends on the client or on who consumes.
requirement('D10', async () => {
  await using alone = await Alone.start(queueSettings)
  await alone.topics({ name: 'jobs', partitionCount: 7 })
  const messages = Array.from({ length: 500 }, (_, i) => ({ key: `key ${i * 7919}`, value: 'x' }))
  const homes: number[][] = []
  for (let round = 0; round < 3; round++) {
    const client = await alone.sdk()
    await client.consume({ group: 'g', topic: 'jobs' }, () => undefined)
    const sent = await client.producer().sendBatch('jobs', messages)
    homes.push(sent.map(({ partition }) => partition))
  }
  deepEqual([homes[1], homes[2]], [homes[0], homes[0]])
  deepEqual(new Set(homes[0]), new Set([0, 1, 2, 3, 4, 5, 6]))
})

// Fails if a bad expression is taken, disturbs those who send, or if a costly one stalls the broker until the test's limit.
requirement('D11', async () => {
  await using alone = await Alone.start(queueSettings)
  await alone.topics('jobs')
  const client = await alone.sdk()
  const producer = client.producer()
  const bad = client.consumer('bad').topic('jobs').tags('/(/')
  await rejects(bad.open(), { code: 'refused' })
  const costly = await client.consumer('costly').topic('jobs').tags('/(a+)+$/').open()
  await producer.send('jobs', { value: 'trap', tags: [`${'a'.repeat(2000)}!`] })
  await producer.send('jobs', { value: 'good', tags: ['a'] })
  deepEqual(texts(await takeDone(costly, 1)), ['good'])
  deepEqual(texts(await takeDone(await client.consumer('plain').topic('jobs').open(), 2)), ['good', 'trap'])
})

// Fails if messages on some broker of several are not delivered, or acknowledgements do not reach where they belong.
requirement('D12', async () => {
  await using cluster = await RealCluster.start(3, queueSettings)
  await cluster.createTopic({ name: 'jobs', partitionCount: 6, replicationFactor: 1 })
  await using client = await connect({ brokers: cluster.node(1).address })
  const send = (values: readonly string[]) =>
    client.producer().sendBatch(
      'jobs',
      values.map((value, partition) => ({ value, partition })),
    )
  await send(numbered('job', 6))
  const queue = await client.consumer('workers').topic('jobs').open()
  deepEqual(texts(await takeDone(queue, 6)), numbered('job', 6))
  await queue.close()
  await send(numbered('mark', 6))
  await using other = await connect({ brokers: cluster.node(2).address })
  // Were an acknowledgement lost, its message would come before the mark of its partition.
  const marks = await takeDone(await other.consumer('workers').topic('jobs').open(), 6)
  deepEqual(texts(marks), numbered('mark', 6))
})

// Fails if messages go on being dealt to a consumer that has left or broken off.
requirement('D13', async () => {
  await using alone = await Alone.start(queueSettings)
  await alone.topics({ name: 'jobs', ...inOne })
  const options = { group: 'workers', topic: 'jobs', lockMs: hourMs }
  const polite = await (await alone.sdk()).consume(options, endless)
  await polite.close()
  const rude = await alone.sdk()
  await rude.consume(options, endless)
  await rude.close({ timeoutMs: 0 })
  const client = await alone.sdk()
  const queue = await client.openQueue(options)
  const producer = client.producer()
  for (const value of numbered('job', 30)) await producer.send('jobs', value)
  deepEqual(texts(await takeDone(queue, 30)), numbered('job', 30))
})

// Fails if a consumer that the broker has thrown out, or whose broker went away, does not come back by itself.
requirement('D14', async () => {
  await using alone = await Alone.start(queueSettings)
  await alone.topics({ name: 'jobs', ...inOne })
  await setGroup(alone.client(), 'g', { 'share.session.timeout.ms': '3000', 'share.heartbeat.interval.ms': '500' })
  const client = await alone.sdk({ requestTimeoutMs: 5000 })
  const messages: QueueMessage<Buffer | null>[] = []
  await client.consume({ group: 'g', topic: 'jobs' }, (message) => void messages.push(message))
  const producer = client.producer()
  const isThrownOut = (): boolean => alone.node.events.includes('share group members not heard of any more')
  equal(isThrownOut(), false)
  alone.node.life.incoming.shut()
  await until('it is thrown out', isThrownOut)
  alone.node.life.incoming.open()
  await producer.send('jobs', 'after the silence')
  await until('it is back', () => messages.some((message) => textOf(message) === 'after the silence'))
  await alone.node.kill()
  await alone.node.start()
  await producer.send('jobs', 'after the restart')
  await until('it is back again', () => messages.some((message) => textOf(message) === 'after the restart'))
})

// Fails if the clock of a client decides whether it lives: this one is an hour ahead, and outlives its session time-out.
requirement('D15', async () => {
  await using alone = await Alone.start(queueSettings)
  await alone.topics({ name: 'jobs', ...inOne })
  await setGroup(alone.client(), 'g', { 'share.session.timeout.ms': '3000', 'share.heartbeat.interval.ms': '500' })
  for (const skewMs of [hourMs / 2, -hourMs]) {
    const environment = { ...systemEnvironment, nowMs: () => Date.now() + skewMs }
    await using client = await connectIn(environment, { brokers: alone.node.address })
    const seen: string[] = []
    await using consumer = await client.consume(
      { group: 'g', topic: 'jobs' },
      (message) => void seen.push(textOf(message)),
    )
    const beats = (): Promise<number> => alone.node.metric('polylog_kafka_requests_total', 'api="ShareGroupHeartbeat"')
    const enough = (await beats()) + 8
    await until('it has outlived its session time-out', async () => (await beats()) >= enough)
    await client.producer().send('jobs', `skewed by ${skewMs}`)
    await until('it gets messages', () => seen.length === 1)
    equal(consumer.counts.lost, 0)
  }
})
