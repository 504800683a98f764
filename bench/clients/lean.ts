import { call } from '../harness/call.ts'
import { produceErrorAt } from '../load/frame.ts'
import type { ClientJob, MessageClient, ReceiverEvents, Receivers, Sender } from './client.ts'
import { FrameConnection } from './frame-connection.ts'
import { LeanConsumer } from './lean-consumer.ts'
import { roomOf } from './room.ts'
import { StampedFrame } from './stamped-frame.ts'

const ALTER_CONFIGS = { key: 44, version: 0 }
const GROUP_RESOURCE = 32

interface Unconfirmed {
  resolve(): void
  reject(error: Error): void
}

/** Kafka's protocol without a library: frames made once, answers read as far as needed. */
export const lean: MessageClient = {
  async openSender({ address, queue, valueBytes }: ClientJob): Promise<Sender> {
    const unconfirmed: Unconfirmed[] = []
    const errorAt = produceErrorAt(queue)
    const connection = await FrameConnection.open(address, {
      frame(bytes) {
        const errorCode = bytes.readInt16BE(errorAt)
        const first = unconfirmed.shift()!
        if (errorCode === 0) first.resolve()
        else first.reject(new Error(`Produce failed with error code ${errorCode}`))
      },
      failed: (error) => unconfirmed.splice(0).forEach(({ reject }) => reject(error)),
    })
    const frames = new Map<number, StampedFrame>()
    let correlationId = 0
    return {
      send(count, sentAtMs) {
        let frame = frames.get(count)
        if (frame === undefined) frames.set(count, (frame = new StampedFrame(queue, count, valueBytes)))
        correlationId = (correlationId + 1) & 0x7fff_ffff
        connection.write(frame.at(sentAtMs, correlationId))
        return new Promise((resolve, reject) => unconfirmed.push({ resolve, reject }))
      },
      close: () => Promise.resolve(connection.close()),
    }
  },

  async openReceivers(job: ClientJob, events: ReceiverEvents): Promise<Receivers> {
    const { address, group, queue: topic } = job
    await beginAtStart(job)
    const options = { address, group, topic, recordsMax: roomOf(job.consumers) }
    const consumers = await Promise.all(
      Array.from({ length: job.consumers }, () => LeanConsumer.start(options, events)),
    )
    return {
      get acceptedCount() {
        return consumers.reduce((sum, { acceptedCount }) => sum + acceptedCount, 0)
      },
      async close() {
        await Promise.all(consumers.map((consumer) => consumer.close()))
      },
    }
  },
}

/** Kafka's default is the end of the topic when the group first reads it, which could be after the first message. */
async function beginAtStart({ address, group }: ClientJob): Promise<void> {
  const reader = await call(address, ALTER_CONFIGS, (writer) => {
    writer.int32(1).int8(GROUP_RESOURCE).string(group)
    writer.int32(1).string('share.auto.offset.reset').int8(0).string('earliest').int8(0)
  })
  reader.int32()
  const [errorCode] = reader.array(() => reader.int16())
  if (errorCode !== 0) throw new Error(`the group cannot be configured: error code ${errorCode}`)
}
