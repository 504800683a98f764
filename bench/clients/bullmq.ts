import { randomBytes } from 'node:crypto'
import type { ClientJob, MessageClient, ReceiverEvents, Receivers, Sender } from './client.ts'
import { requirePackage } from './npm-packages.ts'
import { stampBytes } from './stamp.ts'

/** The part of BullMQ that is used here. */
interface BullMq {
  readonly Queue: new (
    name: string,
    options: { connection: Connection; defaultJobOptions: { removeOnComplete: boolean } },
  ) => {
    waitUntilReady(): Promise<unknown>
    addBulk(jobs: readonly { name: string; data: Data }[]): Promise<unknown>
    close(): Promise<void>
  }
  readonly Worker: new (
    name: string,
    handler: (job: { readonly data: Data }) => Promise<void>,
    options: { connection: Connection & { maxRetriesPerRequest: null }; concurrency: number },
  ) => Worker
}

interface Worker {
  on(event: 'completed', listener: () => void): void
  on(event: 'error' | 'failed', listener: (first: unknown, second?: unknown) => void): void
  waitUntilReady(): Promise<unknown>
  close(): Promise<void>
}

interface Connection {
  readonly host: string
  readonly port: number
}

/** JSON, as a job's data always is: a time, and text of the size that is left. */
interface Data {
  readonly t: number
  readonly p: string
}

/** Jobs of all workers together that are at work at a time. */
const concurrencySum = 256
const concurrencyMin = 8

/** BullMQ: jobs added in bulk, workers that run many at a time, nothing kept of those that are done. */
export const bullmq: MessageClient = {
  async openSender({ queue: name, address: connection, valueBytes }: ClientJob): Promise<Sender> {
    const { Queue } = requirePackage<BullMq>('bullmq')
    const queue = new Queue(name, { connection, defaultJobOptions: { removeOnComplete: true } })
    await queue.waitUntilReady()
    const texts = Array.from({ length: 64 }, () =>
      randomBytes(valueBytes).toString('base64').slice(stampBytes, valueBytes),
    )
    let next = 0
    return {
      async send(count, t) {
        await queue.addBulk(
          Array.from({ length: count }, () => ({ name: 'm', data: { t, p: texts[next++ % texts.length]! } })),
        )
      },
      close: () => queue.close(),
    }
  },

  async openReceivers(job: ClientJob, { delivered, failed }: ReceiverEvents): Promise<Receivers> {
    const { Worker } = requirePackage<BullMq>('bullmq')
    const connection = { ...job.address, maxRetriesPerRequest: null }
    const concurrency = Math.max(concurrencyMin, Math.floor(concurrencySum / job.consumers))
    let acceptedCount = 0
    const workers = Array.from({ length: job.consumers }, () => {
      const worker = new Worker(job.queue, async ({ data }) => delivered(data.t), { connection, concurrency })
      worker.on('completed', () => acceptedCount++)
      worker.on('failed', (_, error) => failed(error))
      worker.on('error', failed)
      return worker
    })
    await Promise.all(workers.map((worker) => worker.waitUntilReady()))
    return {
      get acceptedCount() {
        return acceptedCount
      },
      async close() {
        await Promise.all(workers.map((worker) => worker.close()))
      },
    }
  },
}
