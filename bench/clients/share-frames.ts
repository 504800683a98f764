import type { ByteReader } from '../load/bytes.ts'
import { api, flexibleFrame } from '../load/frame.ts'

/** Metadata with topic ids. */
const METADATA = { key: 3, version: 12 }
const NO_ID = Buffer.alloc(16)
const BYTES_MAX = 16 * 1024 * 1024
const ACCEPT = 1

/** Who asks, and of which topic; the queue is its partition 0. */
export interface ShareMembership {
  readonly group: string
  readonly memberId: string
  readonly topic: string
  readonly topicId: Buffer
}

/** Offsets that follow each other. */
export interface OffsetRange {
  readonly first: number
  /** Inclusive. */
  readonly last: number
}

/** What a ShareFetch has brought. */
export interface ShareFetched {
  /** The first error of several, 0 for none. */
  readonly errorCode: number
  readonly acknowledgeErrorCode: number
  readonly batches: Buffer
  readonly acquired: readonly OffsetRange[]
}

/** Asks for the id of a topic. */
export function metadataFrame(topic: string, correlationId: number): Buffer {
  return flexibleFrame(METADATA, correlationId, (writer) => {
    writer.uvarint(2).raw(NO_ID).compactString(topic).uvarint(0).int8(0).int8(0).uvarint(0)
  })
}

/** The id in the answer, whose reader stands behind the correlation id; undefined if there is no such topic yet. */
export function topicIdOf(reader: ByteReader): Buffer | undefined {
  reader.tags()
  reader.int32()
  reader.compactArray(() => {
    reader.int32()
    reader.compactString()
    reader.int32()
    reader.compactString()
    reader.tags()
  })
  reader.compactString()
  reader.int32()
  if (reader.uvarint() !== 2) return undefined
  const errorCode = reader.int16()
  reader.compactString()
  return errorCode === 0 ? Buffer.from(reader.raw(16)) : undefined
}

/** @param memberEpoch 0 joins, -1 leaves */
export function heartbeatFrame(
  { group, memberId, topic }: ShareMembership,
  memberEpoch: number,
  correlationId: number,
): Buffer {
  return flexibleFrame(api.shareGroupHeartbeat, correlationId, (writer) => {
    writer.compactString(group).compactString(memberId).int32(memberEpoch).compactString(null)
    if (memberEpoch === 0) writer.uvarint(2).compactString(topic)
    else writer.uvarint(0)
    writer.uvarint(0)
  })
}

export function heartbeatAnswer(reader: ByteReader): { errorCode: number; memberEpoch: number } {
  reader.tags()
  reader.int32()
  const errorCode = reader.int16()
  reader.compactString()
  reader.compactString()
  return { errorCode, memberEpoch: reader.int32() }
}

/** Acknowledges what was accepted and asks for more: whole batches until there are `recordsMax`. Epoch 0 opens, -1 closes the session. */
export function shareFetchFrame(
  { group, memberId, topicId }: ShareMembership,
  options: { epoch: number; waitMsMax: number; recordsMax: number; accepted: readonly OffsetRange[] },
  correlationId: number,
): Buffer {
  const { epoch, waitMsMax, recordsMax, accepted } = options
  return flexibleFrame(api.shareFetch, correlationId, (writer) => {
    writer.compactString(group).compactString(memberId).int32(epoch).int32(waitMsMax).int32(1)
    writer.int32(BYTES_MAX).int32(recordsMax).int32(recordsMax)
    if (epoch !== 0 && accepted.length === 0) writer.uvarint(1)
    else {
      writer.uvarint(2).raw(topicId).uvarint(2).int32(0)
      writer.uvarint(accepted.length + 1)
      for (const { first, last } of accepted) writer.int64(first).int64(last).uvarint(2).int8(ACCEPT).uvarint(0)
      writer.uvarint(0).uvarint(0)
    }
    writer.uvarint(1).uvarint(0)
  })
}

export function shareFetchAnswer(reader: ByteReader): ShareFetched {
  reader.tags()
  reader.int32()
  let errorCode = reader.int16()
  reader.compactString()
  reader.int32()
  let acknowledgeErrorCode = 0
  let batches: Buffer = NO_ID.subarray(0, 0)
  let acquired: readonly OffsetRange[] = []
  reader.compactArray(() => {
    reader.raw(16)
    reader.compactArray(() => {
      reader.int32()
      const partitionError = reader.int16()
      errorCode ||= partitionError
      reader.compactString()
      acknowledgeErrorCode = reader.int16()
      reader.compactString()
      reader.raw(8)
      reader.tags()
      batches = reader.raw(Math.max(0, reader.uvarint() - 1))
      acquired = reader.compactArray(() => rangeOf(reader))
      reader.tags()
    })
    reader.tags()
  })
  return { errorCode, acknowledgeErrorCode, batches, acquired }
}

function rangeOf(reader: ByteReader): OffsetRange {
  const range = { first: reader.int64(), last: reader.int64() }
  reader.int16()
  reader.tags()
  return range
}
