// The SDK against a real broker in this process: queues, groups, requests, and a broker that goes away.
import { deepEqual, equal, ok, rejects } from 'node:assert/strict'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { describe, it } from 'node:test'
import { ClientError, connect, json, topic } from '@polylog/client'
import type { Client, PushConsumer, QueueMessage } from '@polylog/client'
import { Cluster, createTopic } from '@polylog/client/admin'
import { startBroker } from '../../packages/broker/src/mod.ts'
import type { Broker } from '../../packages/broker/src/mod.ts'

const addressOf = ({ kafka }: Broker): string => `${kafka.host}:${kafka.port}`

/** Looks again at each turn of the event loop, so that nothing depends on how fast the machine is. */
async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5))
}

async function makeTopics(broker: Broker, ...names: string[]): Promise<void> {
  await using cluster = new Cluster({ brokers: addressOf(broker) })
  for (const name of names) await createTopic(cluster, { name, partitionCount: 3 })
}

const numbers = (count: number): string[] => Array.from({ length: count }, (_, i) => String(i))

describe('queues', () => {
  it('each group gets every message, each message of a group goes to one of its consumers', async () => {
    await using broker = await startBroker()
    await makeTopics(broker, 'orders')
    await using client = await connect({ brokers: addressOf(broker), topics: ['orders'] })
    const seen = { billing: [] as string[], shipping: [] as string[] }
    const consumers: PushConsumer<Buffer | null>[] = []
    for (const group of ['billing', 'billing', 'billing', 'shipping'] as const) {
      const consumer = client.consumer(group).topic('orders').concurrency(2)
      consumers.push(await consumer.start((message) => void seen[group].push(String(message.value))))
    }
    const producer = client.producer()
    const sent = await producer.sendBatch(
      'orders',
      numbers(300).map((value) => ({ value, key: value })),
    )
    equal(new Set(sent.map(({ partition }) => partition)).size, 3)
    await until(() => seen.billing.length >= 300 && seen.shipping.length >= 300)
    await until(() => consumers.slice(0, 3).reduce((sum, { counts }) => sum + counts.accepted, 0) >= 300)
    for (const values of Object.values(seen)) {
      deepEqual(
        values.map(Number).toSorted((a, b) => a - b),
        numbers(300).map(Number),
      )
    }
  })

  it('a message that fails is tried again, and is kept in the dead-letter topic when it has failed too often', async () => {
    await using broker = await startBroker()
    await makeTopics(broker, 'jobs', 'jobs.dead')
    await using client = await connect({ brokers: addressOf(broker) })
    const producer = client.producer()
    const { id } = await producer.send('jobs', { value: 'bad', key: 'k' })
    await producer.send('jobs', { value: 'good', key: 'k' })
    const seen: string[] = []
    await client
      .consumer('workers')
      .topic('jobs')
      .retry({ attempts: 3, initialMs: 10, maxMs: 20 })
      .deadLetter('jobs.dead')
      .start((message) => {
        seen.push(`${String(message.value)} ${message.deliveryCount}`)
        if (String(message.value) === 'bad') throw new Error('cannot be done')
      })
    const dead = await client.consumer('undertakers').topic('jobs.dead').open()
    const [letter] = await dead.pull({ waitMs: 30_000 })
    equal(String(letter!.value), 'bad')
    equal(letter!.id, id)
    equal(letter!.header('polylog.dead.reason'), 'Error: cannot be done')
    equal(letter!.header('polylog.dead.topic'), 'jobs')
    equal(letter!.header('polylog.dead.group'), 'workers')
    equal(letter!.header('polylog.dead.deliveries'), '3')
    await letter!.accept()
    deepEqual(seen.toSorted(), ['bad 1', 'bad 2', 'bad 3', 'good 1'])
  })

  it('only messages with a wanted tag are delivered', async () => {
    await using broker = await startBroker()
    await makeTopics(broker, 'orders')
    await using client = await connect({ brokers: addressOf(broker) })
    const producer = client.producer()
    const tags = [['paid'], ['open'], [], ['new', 'paid'], ['paidout']]
    await producer.sendBatch(
      'orders',
      tags.map((list, i) => ({ value: String(i), tags: list })),
    )
    const seen: string[] = []
    const consumer = client.consumer('billing').topic('orders').tags('paid', 'refunded')
    await consumer.start((message) => void seen.push(String(message.value)))
    await producer.send('orders', { value: 'last', tags: ['refunded'] })
    await until(() => seen.length >= 3)
    deepEqual(seen.toSorted(), ['0', '3', 'last'])
  })

  it('a consumer that dies leaves its messages to others', async () => {
    await using broker = await startBroker()
    await makeTopics(broker, 'jobs')
    const brokers = addressOf(broker)
    await using producing = await connect({ brokers })
    await producing.producer().sendBatch('jobs', numbers(10))
    const dying = await connect({ brokers })
    const held: string[] = []
    const hold = (message: QueueMessage<unknown>): Promise<void> => {
      held.push(String(message.value))
      return new Promise(() => undefined)
    }
    await dying.consumer('g').topic('jobs').concurrency(10).start(hold)
    await until(() => held.length === 10)
    const seen = new Set<string>()
    await using living = await connect({ brokers })
    await living
      .consumer('g')
      .topic('jobs')
      .start((message) => void seen.add(String(message.value)))
    // Its connections end, as those of a process that was killed.
    await dying.close({ timeoutMs: 0 })
    await until(() => seen.size === 10)
  })

  it('consumers and producers go on when the broker comes back: nothing is lost, nothing is stuck', async () => {
    const dataDirectory = mkdtempSync(join(tmpdir(), 'polylog-sdk-'))
    try {
      let broker = await startBroker({ dataDirectory })
      await makeTopics(broker, 'jobs')
      const kafkaAddress = { host: broker.kafka.host, port: broker.kafka.port }
      const client = await connect({ brokers: addressOf(broker), retry: { initialMs: 10, maxMs: 100 } })
      const seen = new Set<string>()
      const consumer = client.consumer('g').topic('jobs').concurrency(4)
      await consumer.start((message) => void seen.add(String(message.value)))
      const producer = client.producer()
      const sending: Promise<unknown>[] = []
      for (const value of numbers(50)) sending.push(producer.send('jobs', { value, key: value }))
      await until(() => seen.size >= 20)
      await broker.stop()
      for (const value of numbers(100).slice(50)) sending.push(producer.send('jobs', { value, key: value }))
      broker = await startBroker({ dataDirectory, kafkaAddress })
      await Promise.all(sending)
      await until(() => seen.size === 100)
      await client.close()
      await broker.stop()
    } finally {
      rmSync(dataDirectory, { recursive: true, force: true })
    }
  })
})

describe('requests', () => {
  const echo = (client: Client) =>
    client
      .consumer('echo')
      .topic('questions')
      .concurrency(8)
      .retry({ attempts: 2, initialMs: 5, maxMs: 5 })
      .start((message) => {
        const text = String(message.value)
        if (text === 'bad') throw new Error('no such thing')
        return text === 'object' ? { text, at: message.deliveryCount } : `${text}!`
      })

  it('are answered by what the handler returns, many at a time', async () => {
    await using broker = await startBroker()
    await makeTopics(broker, 'questions')
    await using client = await connect({ brokers: addressOf(broker) })
    await using answering = await connect({ brokers: addressOf(broker) })
    await echo(answering)
    const questions = numbers(50)
    const answers = await Promise.all(
      questions.map((value) => client.request('questions', value, { timeoutMs: 60_000 })),
    )
    deepEqual(
      answers.map(String),
      questions.map((value) => `${value}!`),
    )
    const reply = json<{ text: string; at: number }>()
    const { text, at } = await client.request(topic('questions'), 'object', { reply, timeoutMs: 60_000 })
    deepEqual([text, at], ['object', 1])
  })

  it('an answer that comes after its time-out disturbs nobody', async () => {
    await using broker = await startBroker()
    await makeTopics(broker, 'questions')
    await using client = await connect({ brokers: addressOf(broker) })
    const late = Promise.withResolvers<string>()
    const asked: string[] = []
    const consumer = client.consumer('slow').topic('questions').concurrency(2)
    const started = await consumer.start((message) => {
      asked.push(String(message.value))
      return String(message.value) === 'hard' ? late.promise : 'easy answer'
    })
    // Without a time of its own the question would be dropped when nobody waits for the answer any more.
    const hard = client.request('questions', { value: 'hard', ttlMs: 600_000 }, { timeoutMs: 50 })
    await rejects(hard, (error) => error instanceof ClientError && error.code === 'timed-out')
    await until(() => asked.length === 1)
    late.resolve('too late')
    await until(() => started.counts.accepted === 1)
    equal(String(await client.request('questions', 'easy', { timeoutMs: 60_000 })), 'easy answer')
  })

  it('fail when the handler has failed as often as it may, or when nobody answers in time', async () => {
    await using broker = await startBroker()
    await makeTopics(broker, 'questions', 'nobody')
    const client = await connect({ brokers: addressOf(broker) })
    await echo(client)
    const isFailure = (code: string, pattern: RegExp) => (error: unknown) =>
      error instanceof ClientError && error.code === code && pattern.test(error.message)
    const failed = isFailure('request-failed', /topic "questions" answered: no such thing/)
    await rejects(client.request('questions', 'bad', { timeoutMs: 60_000 }), failed)
    const late = isFailure('timed-out', /no answer from topic "nobody" within 50 ms/)
    await rejects(client.request('nobody', 'hello', { timeoutMs: 50 }), late)
    const closing = client.request('nobody', 'hello', { timeoutMs: 60_000 })
    const closed = rejects(closing, isFailure('closed', /closed before the answer/))
    await client.close()
    await closed
    await using cluster = new Cluster({ brokers: addressOf(broker) })
    const names = (await cluster.describe()).topics.map(({ name }) => name)
    ok(!names.some((name) => name.startsWith('polylog-replies-')), names.join())
  })
})
