import { connect } from '@polylog/client'
import type { Client } from '@polylog/client'
import type { Address } from '../load/job.ts'
import type { ClientJob, MessageClient, ReceiverEvents, Receivers, Sender } from './client.ts'
import { roomOf } from './room.ts'
import { StampedValues, stampOf } from './stamp.ts'

const handlersMax = 200

/** Polylog's own library, as docs/sdk.md shows it. */
export const sdk: MessageClient = {
  async openSender(job: ClientJob): Promise<Sender> {
    const client = await connect({ brokers: brokersOf(job.address) })
    const producer = client.producer()
    const values = new StampedValues(job.valueBytes)
    return {
      async send(count, sentAtMs) {
        await producer.sendBatch(
          job.queue,
          Array.from({ length: count }, () => ({ value: values.next(sentAtMs) })),
        )
      },
      close: () => client.close(),
    }
  },

  async openReceivers(job: ClientJob, events: ReceiverEvents): Promise<Receivers> {
    // A client each: consumers that share one stand for services of their own, with connections of their own.
    const clients = await Promise.all(
      Array.from({ length: job.consumers }, () => connect({ brokers: brokersOf(job.address) })),
    )
    const counts = await Promise.all(clients.map((client) => start(client, job, events)))
    return {
      get acceptedCount() {
        return counts.reduce((sum, count) => sum + count(), 0)
      },
      async close() {
        await Promise.all(clients.map((client) => client.close()))
      },
    }
  },
}

/** @returns how many messages it has accepted */
async function start(client: Client, job: ClientJob, { delivered, failed }: ReceiverEvents): Promise<() => number> {
  const { group, queue: topic } = job
  if (job.mode === 'log') {
    let count = 0
    const options = { group, topic, concurrency: handlersMax, onError: failed }
    await client.subscribe(options, ({ value }) => {
      delivered(stampOf(value!))
      count++
    })
    return () => count
  }
  const prefetch = roomOf(job.consumers)
  const consumer = await client
    .consumer(group)
    .topic(topic)
    .concurrency(Math.min(handlersMax, prefetch))
    .prefetch(prefetch)
    .onError(failed)
    .start(({ value }) => delivered(stampOf(value!)))
  return () => consumer.counts.accepted
}

function brokersOf({ host, port }: Address): string {
  return `${host}:${port}`
}
