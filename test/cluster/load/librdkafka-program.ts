// librdkafka in a process of its own: it writes its log to the terminal whatever it is told, and its clients and their
// connections live until their objects are collected. Started by librdkafka-process.ts.
import { setTimeout as delay } from 'node:timers/promises'
import type { Binding, KafkaConsumer, KafkaProducer, Message } from '../../system/clients/librdkafka/binding.ts'
import { Drafts } from './drafts.ts'
import type { LibrdkafkaEvent, LibrdkafkaOrder, LibrdkafkaSettings } from './librdkafka-events.ts'

const batchRecords = 5
const pauseMs = 10
const receiveRecordCount = 500
/** The binding gives up a send after 5 s by default, librdkafka after 5 minutes. */
const queueTimeoutMs = 300_000
/** What librdkafka says for information only, such as that a broker has gone; the binding throws it. */
const informative = /BrokerTransportFailure|AllBrokersDown|Resolve/

/** Longer than what brokers that are killed one after the other keep a client waiting. */
const hangMs = 40_000

/** The binding has not come back from a call. */
class Hanging extends Error {}

async function inTime<T>(what: string, call: Promise<T>): Promise<T> {
  const patience = new AbortController()
  const late = delay(hangMs, undefined, { signal: patience.signal }).then(() => {
    throw new Hanging(`${what} has not come back for ${hangMs} ms; another consumer takes over`)
  })
  try {
    return await Promise.race([call, late])
  } finally {
    late.catch(() => undefined)
    patience.abort()
  }
}

/** What a send resolves with, by record. */
interface Delivery {
  readonly partition: number
  readonly offset: number
  readonly error?: { readonly code: number; readonly message: string }
}

const settings = JSON.parse(process.argv[2]!) as LibrdkafkaSettings
const { addresses, topic, groupId } = settings
const { KafkaClient } = (await import(settings.module)) as Binding
let isWriting = true
let isReading = true

/** Idempotent (so acks=all), with librdkafka's own times for retries; one batch of one key at a time. */
async function write(lane: number): Promise<void> {
  const name = `librdkafka-${lane}`
  for (let life = 1; isWriting; life++) {
    const client = new KafkaClient({ brokers: addresses, clientId: name, logLevel: 'none' })
    const configuration = { 'enable.idempotence': true, 'linger.ms': 0 }
    const producer = client.createProducer({ queueTimeout: queueTimeoutMs, configuration })
    // After an error nobody knows what was stored. The next producer has keys of its own.
    const drafts = new Drafts(`${name}.${life}`)
    try {
      while (isWriting) await sendOnce(lane, producer, drafts)
    } catch (error) {
      tell({ kind: 'failed', lane, error: `${name}: ${String(error)}` })
    }
  }
}

async function sendOnce(lane: number, producer: KafkaProducer, drafts: Drafts): Promise<void> {
  const batch = drafts.take(batchRecords)
  const messages = batch.map(({ key, value }) => ({ key: Buffer.from(key), payload: Buffer.from(value) }))
  const deliveries = (await producer.send({ topic, messages })) as Delivery[]
  const failed = deliveries.find(({ error }) => error !== undefined)?.error
  if (failed !== undefined) throw new Error(`${failed.code}: ${failed.message}`)
  if (deliveries.length !== batch.length) throw new Error(`${deliveries.length} deliveries of ${batch.length} records`)
  // All of one key, so in one partition; the order in which deliveries are told is nobody's promise.
  const places = deliveries.toSorted((a, b) => a.offset - b.offset)
  const records = batch.map(({ value }, index) => {
    const { partition, offset } = places[index]!
    return { value, partition, offset }
  })
  tell({ kind: 'acknowledged', lane, records })
  await delay(pauseMs)
}

/**
 * Reads in a group and commits what it has read several times a second. A consumer that hangs is told of and replaced, so
 * that a run says so and is judged all the same (seed 1001 of kill-one once ended here).
 */
async function read(): Promise<void> {
  while (isReading) {
    try {
      await readAsOne()
    } catch (error) {
      if (!(error instanceof Hanging)) throw error
      tell({ kind: 'read-failed', error: `${groupId}: ${error.message}` })
    }
  }
}

async function readAsOne(): Promise<void> {
  const client = new KafkaClient({ brokers: addresses, clientId: groupId, logLevel: 'none' })
  const times = { 'heartbeat.interval.ms': 500, 'session.timeout.ms': 10_000, 'fetch.wait.max.ms': 100 }
  const configuration = { 'auto.offset.reset': 'earliest', ...times }
  const consumer = client.createConsumer({ groupId, enableAutoCommit: false, configuration })
  await consumer.subscribe(topic)
  const next = new Map<number, number>()
  while (isReading) {
    const received = await inTime('a poll', receive(consumer))
    for (const { partition, offset } of received) next.set(partition, offset + 1)
    const records = received.map(({ key, payload, partition, offset }) => {
      return { key: String(key), value: String(payload), partition, offset }
    })
    if (records.length > 0) tell({ kind: 'read', records })
    for (const [partition, offset] of next) {
      if (await inTime('a commit', commit(consumer, partition, offset))) next.delete(partition)
    }
  }
  consumer.unsubscribe()
  await consumer.disconnect()
}

async function receive(consumer: KafkaConsumer): Promise<Message[]> {
  try {
    return await consumer.recvBatch(receiveRecordCount, 100)
  } catch (error) {
    if (!informative.test(String(error))) tell({ kind: 'read-failed', error: `${groupId}: ${String(error)}` })
    return []
  }
}

/** Whether it was acknowledged. One that fails claims nothing: the next one says it again, or a rebalance gives the records again. */
async function commit(consumer: KafkaConsumer, partition: number, offset: number): Promise<boolean> {
  try {
    await consumer.commit(topic, partition, offset, 'Sync')
  } catch {
    return false
  }
  tell({ kind: 'committed', partition, offset })
  return true
}

function tell(event: LibrdkafkaEvent): void {
  process.send!(event)
}

const writing = Promise.all(Array.from({ length: settings.laneCount }, (_, lane) => write(lane)))
const reading = read()
process.on('message', (order: LibrdkafkaOrder) => {
  if (order === 'stop-writers') {
    isWriting = false
    void writing.then(() => tell({ kind: 'writers-stopped' }))
  } else {
    isReading = false
    void reading.then(() => tell({ kind: 'reader-stopped' }))
  }
})
// It must not outlive the run.
process.once('disconnect', () => process.exit(0))
