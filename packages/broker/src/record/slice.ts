import { RecordCursor, RecordError } from '@polylog/wire/records'
import {
  actualCrcOf,
  baseOffsetOf,
  batchBytesOf,
  batchHeaderBytes,
  batchOverheadBytes,
  compressionOf,
  recordCountOf,
  renewCrc,
  storedCrcOf,
} from './batch.ts'

/**
 * A batch of its own of the records from `firstOffset` to `lastOffset` of the batch at `at`, which keep their offsets. Undefined where
 * there are none, or the batch must go as it is: it is compressed, or damaged, which whoever gets it shall see.
 */
export function sliceBatch(
  bytes: Uint8Array,
  at: number,
  firstOffset: number,
  lastOffset: number,
): Uint8Array | undefined {
  if (compressionOf(bytes, at) !== 0 || actualCrcOf(bytes, at) !== storedCrcOf(bytes, at)) return undefined
  const span = findSpan(bytes, at, firstOffset, lastOffset)
  if (span === undefined) return undefined
  const { start, end, count, lastDelta } = span
  const slice = new Uint8Array(batchHeaderBytes + end - start)
  slice.set(bytes.subarray(at, at + batchHeaderBytes))
  slice.set(bytes.subarray(start, end), batchHeaderBytes)
  const header = new DataView(slice.buffer)
  header.setInt32(8, slice.length - batchOverheadBytes)
  header.setInt32(23, lastDelta)
  header.setInt32(57, count)
  renewCrc(slice, 0)
  return slice
}

interface Span {
  /** Where the first record starts and the last one ends in the bytes. */
  readonly start: number
  readonly end: number
  readonly count: number
  readonly lastDelta: number
}

function findSpan(bytes: Uint8Array, at: number, firstOffset: number, lastOffset: number): Span | undefined {
  const base = baseOffsetOf(bytes, at)
  const section = at + batchHeaderBytes
  const cursor = new RecordCursor(bytes.subarray(section, at + batchBytesOf(bytes, at)))
  let span: Span | undefined
  try {
    for (let left = recordCountOf(bytes, at); left > 0; left--) {
      const start = cursor.position
      const length = cursor.varint()
      if (length < 0 || length > cursor.remaining) return undefined
      const end = cursor.position + length
      cursor.int8()
      cursor.varint()
      const delta = cursor.varint()
      cursor.position = end
      if (base + delta > lastOffset) break
      if (base + delta < firstOffset) continue
      span = {
        start: span?.start ?? section + start,
        end: section + end,
        count: (span?.count ?? 0) + 1,
        lastDelta: delta,
      }
    }
    return span
  } catch (error) {
    if (error instanceof RecordError) return undefined
    throw error
  }
}
