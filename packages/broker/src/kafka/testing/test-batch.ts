import { renewCrc } from '../../record/batch.ts'

/** What a test can choose about a batch. */
export interface TestBatchOptions {
  values?: readonly string[]
  timestampMs?: number
  producerId?: number
  producerEpoch?: number
  baseSequence?: number
  attributes?: number
}

/** A valid record batch, format 2, of keyless records with the given values; as a producer would send it. */
export function makeTestBatch(options: TestBatchOptions = {}): Buffer {
  const values = options.values ?? ['value']
  const timestampMs = options.timestampMs ?? 1_700_000_000_000
  const records = Buffer.concat(values.map((value, index) => makeRecord(value, index)))
  const batch = Buffer.alloc(61 + records.length)
  records.copy(batch, 61)
  batch.writeInt32BE(batch.length - 12, 8)
  batch.writeInt32BE(-1, 12)
  batch[16] = 2
  batch.writeInt16BE(options.attributes ?? 0, 21)
  batch.writeInt32BE(values.length - 1, 23)
  batch.writeBigInt64BE(BigInt(timestampMs), 27)
  batch.writeBigInt64BE(BigInt(timestampMs), 35)
  batch.writeBigInt64BE(BigInt(options.producerId ?? -1), 43)
  batch.writeInt16BE(options.producerEpoch ?? -1, 51)
  batch.writeInt32BE(options.baseSequence ?? -1, 53)
  batch.writeInt32BE(values.length, 57)
  renewCrc(batch, 0)
  return batch
}

function makeRecord(value: string, offsetDelta: number): Buffer {
  const text = Buffer.from(value)
  const body = Buffer.concat([
    Buffer.of(0, 0),
    zigzag(offsetDelta),
    zigzag(-1),
    zigzag(text.length),
    text,
    Buffer.of(0),
  ])
  return Buffer.concat([zigzag(body.length), body])
}

function zigzag(value: number): Buffer {
  const bytes: number[] = []
  let rest = ((value << 1) ^ (value >> 31)) >>> 0
  for (; rest >= 0x80; rest >>>= 7) bytes.push((rest & 0x7f) | 0x80)
  bytes.push(rest)
  return Buffer.from(bytes)
}
