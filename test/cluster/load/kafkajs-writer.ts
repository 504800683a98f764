import kafkajs from 'kafkajs'
import type { Producer } from 'kafkajs'
import { setTimeout as delay } from 'node:timers/promises'
import type { Acknowledged } from '../../system/kill/history.ts'
import { kafkajsClient, patientRetry } from '../../system/kill/kafkajs-client.ts'
import { Drafts } from './drafts.ts'
import { Gaps } from './gaps.ts'
import type { Writer } from './writer.ts'

const { CompressionTypes } = kafkajs

const batchRecords = 5
const pauseMs = 10

/** kafkajs, acks=all, idempotent, one batch of one key at a time to this partition. */
export function writeWithKafkajs(addresses: string, topic: string, partition: number): Writer {
  const name = `kafkajs-${partition}`
  const acknowledged: Acknowledged[] = []
  const errors: string[] = []
  const gaps = new Gaps()
  let life = 0
  let stopping = false

  async function run(): Promise<void> {
    while (!stopping) {
      const producer = kafkajsClient(addresses).producer({ idempotent: true, retry: patientRetry })
      // After an error nobody knows what was stored. The next producer has keys of its own.
      const drafts = new Drafts(`${name}.${++life}`)
      try {
        await producer.connect()
        while (!stopping) await sendOnce(producer, drafts)
      } catch (error) {
        errors.push(`${name}: ${String(error)}`)
      }
      await producer.disconnect()
    }
  }

  async function sendOnce(producer: Producer, drafts: Drafts): Promise<void> {
    const batch = drafts.take(batchRecords)
    const messages = batch.map((draft) => ({ ...draft, partition }))
    const [answer] = await producer.send({ topic, acks: -1, compression: CompressionTypes.None, messages })
    gaps.served()
    const baseOffset = Number(answer!.baseOffset)
    for (const [index, { value }] of batch.entries())
      acknowledged.push({ value, partition, offset: baseOffset + index })
    await delay(pauseMs)
  }

  const running = run()
  const stop = (): Promise<void> => {
    stopping = true
    return running
  }
  return { kind: 'kafkajs', acknowledged, errors, gaps, stop }
}
