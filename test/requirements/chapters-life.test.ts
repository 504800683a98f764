/** Chapters 1 to 6 and 8 of the founding series: how a client comes up, works, stays alive and goes. */
import { deepEqual, equal, match, rejects, throws } from 'node:assert/strict'
import { createServer } from 'node:net'
import type { AddressInfo, Server } from 'node:net'
import { ClientError, connect, topic } from '@polylog/client'
import type { ClientErrorCode, StandardSchemaV1 } from '@polylog/client'
import { passwordAuthenticator, startBroker } from '../../packages/broker/src/mod.ts'
import { until } from '../system/wait.ts'
import { requirement } from './requirement.ts'
import { Alone } from './world/alone.ts'
import { QueueProcess } from './world/queue-process.ts'
import { queueSettings, setGroup, takeDone, textOf, texts } from './world/queues.ts'
import { numbered, readAll } from './world/records.ts'

const hourMs = 3_600_000

// Fails if a confirmed message is not stored, a one-way message is dropped, answers are mixed up or a lost one is waited for.
requirement('C3', async () => {
  await using alone = await Alone.start(queueSettings)
  await alone.topics({ name: 'orders', partitionCount: 1 }, 'questions', 'nobody')
  const client = await alone.sdk()
  const producer = client.producer()
  const { id, offset } = await producer.send('orders', 'confirmed')
  deepEqual([offset, await readAll(alone.client(), { topic: 'orders' })], [0, ['confirmed']])
  const oneWayId = producer.sendOneWay('orders', 'one way')
  const queue = await client.consumer('kitchen').topic('orders').open()
  const received = await takeDone(queue, 2)
  deepEqual(
    received.map((message) => [textOf(message), message.id]),
    [
      ['confirmed', id],
      ['one way', oneWayId],
    ],
  )
  const answering = await alone.sdk()
  await answering
    .consumer('answers')
    .topic('questions')
    .concurrency(8)
    .start((message) => `${textOf(message)}!`)
  const questions = numbered('question', 20)
  const answers = await Promise.all(questions.map((text) => client.request('questions', text, { timeoutMs: hourMs })))
  deepEqual(
    answers.map(String),
    questions.map((text) => `${text}!`),
  )
  await rejects(client.request('nobody', 'hello?', { timeoutMs: 200 }), { code: 'timed-out' })
})

async function listening(server: Server): Promise<string> {
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return `127.0.0.1:${(server.address() as AddressInfo).port}`
}

function failsWith(code: ClientErrorCode, ...words: string[]): (error: unknown) => boolean {
  return (error) => {
    if (!(error instanceof ClientError)) throw error
    equal(error.code, code, error.message)
    for (const word of words) match(error.message, new RegExp(word.replaceAll('.', '\\.')))
    return true
  }
}

// Fails if connect() succeeds where it cannot work, hides the address or the cause, or if check: false fails at once.
requirement('C4', async () => {
  const closed = createServer()
  const nowhere = await listening(closed)
  await new Promise((resolve) => closed.close(resolve))
  await rejects(connect({ brokers: nowhere }), failsWith('unreachable', nowhere, 'connection refused'))

  const web = createServer((socket) => socket.on('error', () => undefined).end('HTTP/1.1 400 Bad Request\r\n\r\n'))
  const webAddress = await listening(web)
  await rejects(connect({ brokers: webAddress }), failsWith('not-kafka', webAddress))
  web.close()

  await using guarded = await startBroker({
    authenticator: passwordAuthenticator((_, password) => password === 'right'),
  })
  const brokers = `127.0.0.1:${guarded.kafka.port}`
  const credentials = { user: 'ann', password: 'wrong', mechanism: 'PLAIN' } as const
  await rejects(connect({ brokers, credentials }), failsWith('authentication-failed', brokers))

  await using alone = await Alone.start(queueSettings)
  await rejects(alone.sdk({ topics: ['absent'] }), failsWith('refused', 'absent'))
  await alone.topics('orders')
  await alone.sdk({ topics: ['orders'] })

  await alone.node.kill()
  const early = await alone.sdk({ check: false })
  const bounded = early.producer({ deliveryTimeoutMs: 200 })
  await rejects(bounded.send('orders', 'never'), { code: 'unreachable' })
  const sending = early.producer().send('orders', 'before the broker')
  await alone.node.start()
  await sending
  await takeDone(await early.consumer('kitchen').topic('orders').open(), 1)
})

// Fails if close() loses a send, cuts a handler short, repeats what it finished, or keeps what it had not begun locked.
requirement('C5', async () => {
  await using alone = await Alone.start(queueSettings)
  await alone.topics({ name: 'jobs', partitionCount: 1 }, 'log')
  const client = await alone.sdk()
  const producer = client.producer()
  await producer.sendBatch('jobs', numbered('job', 5))
  const begun: string[] = []
  const finish = Promise.withResolvers<void>()
  const jobs = { group: 'workers', topic: 'jobs', lockMs: hourMs, prefetch: 3 }
  await client.consume(jobs, (message) => {
    begun.push(textOf(message))
    return finish.promise
  })
  await until('a handler runs', () => begun.length === 1)
  for (const text of numbered('entry', 10)) producer.sendOneWay('log', text)
  const closing = client.close({ timeoutMs: hourMs })
  await rejects(async () => client.producer(), { code: 'closed' })
  finish.resolve()
  await closing
  deepEqual(begun, ['job#0000'])

  // A handler that never ends is given up when the time is over, and its message goes on at once: locks here last an hour.
  const stubborn = await alone.sdk()
  const held: string[] = []
  await stubborn.consume(jobs, (message) => {
    held.push(textOf(message))
    return new Promise(() => undefined)
  })
  await until('the endless handler runs', () => held.length === 1)
  await stubborn.close({ timeoutMs: 100 })

  const next = await alone.sdk()
  const left = await takeDone(await next.openQueue({ group: 'workers', topic: 'jobs' }), 4)
  deepEqual(texts(left), numbered('job', 4, 1))
  await alone.node.stop()
  await alone.node.start()
  const entries = await takeDone(await next.consumer('readers').topic('log').open(), 10)
  deepEqual(texts(entries), numbered('entry', 10))
})

// Fails if heartbeats or renewals stop during a handler, if a hung or killed consumer keeps its messages, or if clients do
// not come back after the broker.
requirement('C6', async () => {
  await using alone = await Alone.start(queueSettings)
  await alone.topics({ name: 'jobs', partitionCount: 1 })
  await setGroup(alone.client(), 'workers', {
    'share.session.timeout.ms': '3000',
    'share.heartbeat.interval.ms': '500',
  })
  const client = await alone.sdk()
  const producer = client.producer()
  await producer.send('jobs', 'slow')
  const seen: string[] = []
  const finish = Promise.withResolvers<void>()
  const slow = await client.consume({ group: 'workers', topic: 'jobs', lockMs: 3000, prefetch: 1 }, (message) => {
    seen.push(`${textOf(message)} ${message.deliveryCount}`)
    return textOf(message) === 'slow' ? finish.promise : undefined
  })
  await until('the slow handler runs', () => seen.length === 1)

  const common = { address: alone.node.address, topic: 'jobs', group: 'workers', lockMs: 3000, count: 3 }
  await producer.sendBatch('jobs', numbered('job', 6))
  using hung = QueueProcess.start(common)
  using killed = QueueProcess.start(common)
  await until('both have their messages', () => hung.held.length === 3 && killed.held.length === 3)
  hung.freeze()
  killed.kill()
  const heir = await alone.sdk()
  const inherited = await takeDone(await heir.openQueue({ group: 'workers', topic: 'jobs', lockMs: 3000 }), 6)
  deepEqual(texts(inherited), numbered('job', 6))
  deepEqual(new Set(inherited.map(({ deliveryCount }) => deliveryCount)), new Set([2]))
  await heir.close()

  // All this time was longer than a session and a lock; the slow handler has lost neither.
  finish.resolve()
  await until('the slow message is accepted', () => slow.counts.accepted === 1)
  deepEqual([seen, slow.counts.lost], [['slow 1'], 0])
  await alone.node.kill()
  const sending = producer.sendBatch('jobs', ['meanwhile'])
  await alone.node.start()
  await sending
  await until('the consumer is back', () => slow.counts.accepted >= 2)
  equal(seen.at(-1)!.startsWith('meanwhile'), true)
})

interface Order {
  cents: number
}

const orderSchema: StandardSchemaV1<Order> = {
  '~standard': {
    version: 1,
    vendor: 'test',
    validate: (value) => {
      const { cents } = value as Order
      return Number.isInteger(cents)
        ? { value: { cents } }
        : { issues: [{ message: 'must be whole', path: ['cents'] }] }
    },
  },
}

// Fails if a step of the chain is lost or changes the builder before it, if the plain options mean something else, or if a
// wrong option is taken in silence. The lines with ts-expect-error fail the type check if they compile.
requirement('C8', async () => {
  await using alone = await Alone.start(queueSettings)
  await alone.topics('orders')
  const client = await alone.sdk()
  const orders = topic('orders', orderSchema)
  const builder = client.consumer('billing').topic('orders', orderSchema)
  const sums = { chain: 0, plain: 0, readers: 0 }
  await builder
    .tags('paid')
    .concurrency(8)
    .retry({ attempts: 2 })
    .start(({ value }) => void (sums.chain += value.cents))
  await client
    .subscription('readers')
    .topic(orders)
    .concurrency(8)
    .start(({ value }) => void (sums.readers += value.cents))
  const plain = { group: 'plain', topic: orders, tags: ['paid'], concurrency: 8, retry: { attempts: 2 } }
  await client.consume(plain, ({ value }) => void (sums.plain += value.cents))
  const producer = client.producer()
  await rejects(producer.send(orders, { value: { cents: 0.5 } }), failsWith('invalid-value', 'cents', 'must be whole'))
  await producer.sendBatch(orders, [
    { value: { cents: 1 }, tags: ['paid'] },
    { value: { cents: 2 }, tags: ['open'] },
    { value: { cents: 4 }, tags: ['paid'] },
  ])
  await until('all have what they want', () => sums.chain >= 5 && sums.plain >= 5 && sums.readers >= 7)
  deepEqual(sums, { chain: 5, plain: 5, readers: 7 })

  const handler = (): void => undefined
  // @ts-expect-error: a consumer without a topic
  await rejects(client.consumer('billing').start(handler), failsWith('invalid-options', 'topic'))
  // @ts-expect-error: an option that does not exist
  const mistyped = client.consume({ group: 'g', topic: 'orders', concurency: 8 }, handler)
  await rejects(mistyped, failsWith('invalid-options', 'concurency'))
  // @ts-expect-error: in order, and many at a time
  const contradiction = builder.ordered().batch().start(handler)
  await rejects(contradiction, failsWith('invalid-options', 'ordered', 'batch'))
  throws(() => client.producer({ acks: 'leader', idempotent: true }), failsWith('invalid-options', 'acks'))
})
