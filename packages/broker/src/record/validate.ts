import {
  actualCrcOf,
  baseSequenceOf,
  batchBytesOf,
  batchHeaderBytes,
  batchOverheadBytes,
  compressionNames,
  compressionOf,
  hasDeleteHorizon,
  isControl,
  lastOffsetDeltaOf,
  magicOf,
  magicSupported,
  producerIdOf,
  recordCountOf,
  storedCrcOf,
} from './batch.ts'

/** Why a batch is refused: the error code for the client and the sentence for people. */
export interface BatchFault {
  code: 'corrupt-batch' | 'invalid-record' | 'message-too-large' | 'unsupported-format' | 'unsupported-compression'
  detail: string
}

/**
 * Checks a batch that came from a producer: exactly one, of format 2, with a true CRC and a count that fits its offsets
 * (reference: kafka.md §2.4; Kafka's LogValidator). The records themselves stay unopened.
 *
 * @param bytes the whole records field of one partition of a Produce request
 * @returns undefined if it may be stored
 */
export function findProducerBatchFault(bytes: Uint8Array, batchBytesMax: number): BatchFault | undefined {
  if (bytes.length < batchHeaderBytes) {
    // Formats 0 and 1 have shorter headers with the magic byte at the same place; say which of the two it is.
    if (bytes.length > 16 && magicOf(bytes, 0) < magicSupported) return oldFormat(magicOf(bytes, 0))
    return {
      code: 'corrupt-batch',
      detail: `a record batch has at least ${batchHeaderBytes} bytes, not ${bytes.length}`,
    }
  }
  if (magicOf(bytes, 0) !== magicSupported) return oldFormat(magicOf(bytes, 0))
  const size = batchBytesOf(bytes, 0)
  if (size > batchBytesMax) {
    return { code: 'message-too-large', detail: `the batch has ${size} bytes, max.message.bytes is ${batchBytesMax}` }
  }
  if (size < batchHeaderBytes || size > bytes.length) {
    return { code: 'corrupt-batch', detail: `the batch says it has ${size} bytes, ${bytes.length} arrived` }
  }
  if (size < bytes.length) {
    return { code: 'invalid-record', detail: 'a produce request carries exactly one batch per partition' }
  }
  return findHeaderFault(bytes) ?? findCrcFault(bytes, 0)
}

function findHeaderFault(bytes: Uint8Array): BatchFault | undefined {
  const count = recordCountOf(bytes, 0)
  const lastDelta = lastOffsetDeltaOf(bytes, 0)
  if (count <= 0 || lastDelta !== count - 1) {
    return { code: 'invalid-record', detail: `record count ${count} does not fit last offset delta ${lastDelta}` }
  }
  // A record takes at least 7 bytes uncompressed; a larger count is a lie that later readers would pay for.
  const codec = compressionOf(bytes, 0)
  if (codec === 0 && count > (bytes.length - batchHeaderBytes) / 7) {
    return { code: 'invalid-record', detail: `${count} records do not fit into ${bytes.length} bytes` }
  }
  if (codec >= compressionNames.length) {
    return { code: 'unsupported-compression', detail: `compression codec ${codec} is not known` }
  }
  if (isControl(bytes, 0)) return { code: 'invalid-record', detail: 'producers may not write control batches' }
  if (hasDeleteHorizon(bytes, 0)) {
    return { code: 'invalid-record', detail: 'only compaction says when tombstones may go' }
  }
  if (producerIdOf(bytes, 0) >= 0 && baseSequenceOf(bytes, 0) < 0) {
    return { code: 'invalid-record', detail: 'a batch with a producer id needs a base sequence' }
  }
  return undefined
}

/** Whether the batch at `at`, whose size has been checked, still has the bytes its CRC was computed from. */
export function findCrcFault(bytes: Uint8Array, at: number): BatchFault | undefined {
  const stored = storedCrcOf(bytes, at)
  const actual = actualCrcOf(bytes, at)
  if (stored === actual) return undefined
  return { code: 'corrupt-batch', detail: `CRC-32C is ${actual.toString(16)}, the batch says ${stored.toString(16)}` }
}

function oldFormat(magic: number): BatchFault {
  return {
    code: 'unsupported-format',
    detail: `message format ${magic} is not supported; use a client that writes format 2`,
  }
}

/** Whether a whole batch of plausible size may start at `at`: what a scan of a file checks before it looks at the CRC. */
export function isPlausibleBatch(bytes: Uint8Array, at: number, batchBytesMax: number): boolean {
  if (bytes.length - at < batchHeaderBytes) return false
  const size = batchBytesOf(bytes, at)
  return (
    size >= batchHeaderBytes &&
    size <= batchBytesMax + batchOverheadBytes &&
    magicOf(bytes, at) === magicSupported &&
    recordCountOf(bytes, at) >= 0 &&
    lastOffsetDeltaOf(bytes, at) >= 0
  )
}
