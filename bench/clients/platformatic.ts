import { setTimeout as delay } from 'node:timers/promises'
import { Consumer, ProduceAcks, Producer } from '@platformatic/kafka'
import type { ClientJob, MessageClient, ReceiverEvents, Receivers, Sender } from './client.ts'
import { StampedValues, stampOf } from './stamp.ts'

const CLOSE_MS_MAX = 5000

function baseOf({ address: { host, port } }: ClientJob): { clientId: string; bootstrapBrokers: string[] } {
  return { clientId: 'bench', bootstrapBrokers: [`${host}:${port}`] }
}

/** @platformatic/kafka: arrays of messages; the stream's `data` events, its fastest way to read. */
export const platformatic: MessageClient = {
  async openSender(job: ClientJob): Promise<Sender> {
    const producer = new Producer(baseOf(job))
    const values = new StampedValues(job.valueBytes)
    return {
      async send(count, sentAtMs) {
        const messages = Array.from({ length: count }, () => ({ topic: job.queue, value: values.next(sentAtMs) }))
        await producer.send({ messages, acks: ProduceAcks.ALL })
      },
      close: () => producer.close(),
    }
  },

  async openReceivers(job: ClientJob, { delivered, failed }: ReceiverEvents): Promise<Receivers> {
    const consumer = new Consumer({ ...baseOf(job), groupId: job.group, maxWaitTime: 100 })
    let acceptedCount = 0
    const stream = await consumer.consume({
      topics: [job.queue],
      mode: 'committed',
      fallbackMode: 'earliest',
      autocommit: 1000,
    })
    stream.on('error', failed)
    stream.on('data', ({ value }) => {
      delivered(stampOf(value))
      acceptedCount++
    })
    const closing = async () => {
      await stream.close()
      await consumer.close(true)
    }
    return {
      get acceptedCount() {
        return acceptedCount
      },
      async close() {
        // Once in a while its close never ends; its connections then end with the process.
        await Promise.race([closing(), delay(CLOSE_MS_MAX)])
      },
    }
  },
}
