import { crc32c } from '@node-rs/crc32'
import { produceFrame, recordBatchOf } from '../load/frame.ts'
import { walkRecords } from './record-walk.ts'

const CORRELATION_ID_AT = 8
const CRC_AT = 17
const CHECKED_AT = 21

/** A Produce request of one batch, made once; what is sent is a copy with times and CRC of its own. */
export class StampedFrame {
  readonly #frame: Buffer
  readonly #batchAt: number
  readonly #stampsAt: number[] = []

  constructor(topic: string, count: number, valueBytes: number) {
    const { bytes } = recordBatchOf(count, valueBytes)
    this.#frame = produceFrame(topic, 0, bytes)
    this.#batchAt = this.#frame.length - bytes.length
    walkRecords(bytes, (_, valueAt) => this.#stampsAt.push(this.#batchAt + valueAt))
  }

  at(sentAtMs: number, correlationId: number): Buffer {
    const frame = Buffer.from(this.#frame)
    frame.writeInt32BE(correlationId, CORRELATION_ID_AT)
    for (const position of this.#stampsAt) frame.writeDoubleBE(sentAtMs, position)
    frame.writeInt32BE(crc32c(frame.subarray(this.#batchAt + CHECKED_AT)) | 0, this.#batchAt + CRC_AT)
    return frame
  }
}
