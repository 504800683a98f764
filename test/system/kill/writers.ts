import { Cluster, encodeBatch } from '@polylog/client/admin'
import { apis } from '@polylog/wire'
import kafkajs from 'kafkajs'
import type { Producer } from 'kafkajs'
import { setTimeout as delay } from 'node:timers/promises'
import type { Acknowledged } from './history.ts'
import { kafkajsClient, patientRetry } from './kafkajs-client.ts'

const { CompressionTypes } = kafkajs

/** Something that writes until it is stopped, and remembers what was acknowledged. */
export interface Writer extends AsyncDisposable {
  readonly acknowledged: readonly Acknowledged[]
  /** Errors that end a send for good, which a broker that keeps its word has no reason for. */
  readonly refusals: readonly string[]
  stop(): Promise<void>
}

interface Draft {
  key: string
  value: string
}

/** Numbers the records of each key; a partition has two keys, which no other partition has. */
class Drafts {
  readonly #name: string
  readonly #next = new Map<string, number>()

  constructor(name: string) {
    this.#name = name
  }

  take(partition: number, count: number): Draft[] {
    return Array.from({ length: count }, (_, i) => {
      const key = `${this.#name}-${partition}-${i % 2}`
      const number = (this.#next.get(key) ?? 0) + 1
      this.#next.set(key, number)
      return { key, value: `${key}#${number}` }
    })
  }
}

/**
 * kafkajs with acks=all and idempotence: what was in flight when the broker died is sent again with the same sequence
 * numbers, and must not be stored twice.
 */
export function writeWithKafkajs(address: string, topic: string, partitions: readonly number[]): Writer {
  const acknowledged: Acknowledged[] = []
  const refusals: string[] = []
  const drafts = new Drafts('kafkajs')
  let stopping = false
  const kafka = kafkajsClient(address)
  const writing = (async () => {
    while (!stopping) {
      const producer = kafka.producer({ idempotent: true, retry: patientRetry })
      await producer.connect()
      try {
        while (!stopping) await sendOnce(producer)
      } catch (error) {
        // It is not known what was stored, so the sequence numbers of this producer must not be used again.
        refusals.push(String(error))
      }
      await producer.disconnect()
    }
  })()

  async function sendOnce(producer: Producer): Promise<void> {
    const batches = new Map(partitions.map((partition) => [partition, drafts.take(partition, 10)]))
    const messages = [...batches].flatMap(([partition, batch]) => batch.map((draft) => ({ ...draft, partition })))
    const answers = await producer.send({ topic, acks: -1, compression: CompressionTypes.GZIP, messages })
    for (const { partition, baseOffset } of answers) {
      for (const [i, { value }] of batches.get(partition)!.entries()) {
        acknowledged.push({ value, partition, offset: Number(baseOffset) + i })
      }
    }
  }

  return {
    acknowledged,
    refusals,
    stop() {
      stopping = true
      return writing
    },
    [Symbol.asyncDispose]() {
      return this.stop()
    },
  }
}

const inFlightMax = 32
const produceTimeoutMs = 30_000

/**
 * Many small requests in flight on one connection, without idempotence. What was in flight when the connection broke is
 * given up and never sent again, so that here as well no record may be stored twice.
 */
export function writePipelined(
  address: string,
  topic: string,
  partitions: readonly number[],
): Writer & { readonly connections: number } {
  const acknowledged: Acknowledged[] = []
  const refusals: string[] = []
  const drafts = new Drafts('pipelined')
  let stopping = false

  let connections = 0

  async function run(): Promise<void> {
    while (!stopping) {
      await using cluster = new Cluster({ brokers: address, clientId: 'pipelined', connectTimeoutMs: 2000 })
      connections++
      let broken = false
      const lane = async (partition: number): Promise<void> => {
        while (!stopping && !broken) broken ||= !(await sendOnce(cluster, partition))
      }
      await Promise.all(Array.from({ length: inFlightMax }, (_, i) => lane(partitions[i % partitions.length]!)))
      if (broken) await delay(20)
    }
  }

  /** Whether the connection is still good. */
  async function sendOnce(cluster: Cluster, partition: number): Promise<boolean> {
    try {
      const leader = await cluster.leaderOf(topic, partition)
      const batch = drafts.take(partition, 5)
      const answer = await cluster.broker(leader, apis[0], {
        acks: -1,
        timeoutMs: produceTimeoutMs,
        topicData: [
          { name: topic, partitionData: [{ index: partition, records: encodeBatch(batch, 'none', Date.now()) }] },
        ],
      })
      const { errorCode, baseOffset } = answer.responses[0]!.partitionResponses[0]!
      if (errorCode !== 0) {
        refusals.push(`produce to partition ${partition}: error ${errorCode}`)
        return false
      }
      for (const [i, { value }] of batch.entries()) acknowledged.push({ value, partition, offset: baseOffset + i })
      return true
    } catch (error) {
      if (error instanceof Error && error.name === 'ClientError') return false
      throw error
    }
  }

  const writing = run()
  return {
    acknowledged,
    refusals,
    /** How often it had to connect. */
    get connections() {
      return connections
    },
    stop() {
      stopping = true
      return writing
    },
    [Symbol.asyncDispose]() {
      return this.stop()
    },
  }
}
