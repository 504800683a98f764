import type { Read } from './history.ts'
import { kafkajsClient, patientRetry } from './kafkajs-client.ts'

/** A member of a group that reads until it is stopped, whatever happens to the brokers. */
export interface GroupReader {
  readonly groupId: string
  readonly read: readonly Read[]
  /** Highest offset of each partition whose commit was acknowledged. */
  readonly committed: ReadonlyMap<number, number>
  /** Errors that the client gave to the program, after its own retries. */
  readonly errors: readonly string[]
  stop(): Promise<void>
}

/** kafkajs in a group; it commits several times a second and finds its way back by itself. */
export async function readInGroup(
  addresses: string,
  groupId: string,
  topic: string,
  autoCommitInterval: number,
): Promise<GroupReader & AsyncDisposable> {
  const times = { sessionTimeout: 10_000, heartbeatInterval: 200, maxWaitTimeInMs: 100 }
  const consumer = kafkajsClient(addresses).consumer({ groupId, retry: patientRetry, ...times })
  const read: Read[] = []
  const committed = new Map<number, number>()
  const errors: string[] = []
  consumer.on(consumer.events.CRASH, ({ payload }) => {
    errors.push(`${groupId}: ${String(payload.error)}`)
  })
  consumer.on(consumer.events.COMMIT_OFFSETS, ({ payload }) => {
    for (const { partition, offset } of payload.topics.flatMap(({ partitions }) => partitions)) {
      // Its types say number, but it is text.
      const index = Number(partition)
      committed.set(index, Math.max(Number(offset), committed.get(index) ?? 0))
    }
  })
  await consumer.connect()
  await consumer.subscribe({ topic, fromBeginning: true })
  await consumer.run({
    autoCommitInterval,
    eachBatch: async ({ batch, resolveOffset, heartbeat, commitOffsetsIfNecessary }) => {
      for (const { key, value, offset } of batch.messages) {
        read.push({ key: String(key), value: String(value), partition: batch.partition, offset: Number(offset) })
        resolveOffset(offset)
      }
      await commitOffsetsIfNecessary()
      await heartbeat()
    },
  })
  const stop = (): Promise<void> => consumer.disconnect()
  return { groupId, read, committed, errors, stop, [Symbol.asyncDispose]: stop }
}
