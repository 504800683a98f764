import { Reader } from '../../bytes/reader.ts'
import { Writer } from '../../bytes/writer.ts'
import { decode, encode } from '../../schema/codec.ts'
import type { Message } from '../../schema/schema.ts'
import { GroupMetadataKey } from './group-metadata.ts'
import { OffsetCommitKey } from './offset-commit.ts'

/** What a record of `__consumer_offsets` is about. Other record types belong to group protocols not kept here. */
export type OffsetsKey =
  | { readonly type: 'offset'; readonly key: OffsetCommitKey }
  | { readonly type: 'group'; readonly key: GroupMetadataKey }
  | { readonly type: 'other'; readonly recordType: number }

/** Positions written before Kafka 0.9 carry this record type; their key has the same form. */
const legacyOffsetType = 0

/** Encodes a record key: its record type as an int16, then version 0 of the key, the only one there is. */
export function encodeOffsetsKey<Output, Input>(message: Message<Output, Input>, key: NoInfer<Input>): Buffer {
  if (message.apiKey === null) throw new Error(`${message.name} is no record key`)
  const writer = new Writer(256)
  writer.int16(message.apiKey)
  encode(message, 0, key, writer)
  return writer.concat()
}

/** Decodes the key of a record of `__consumer_offsets`. Throws WireError. */
export function decodeOffsetsKey(bytes: Uint8Array): OffsetsKey {
  const reader = new Reader(bytes)
  const recordType = reader.int16()
  if (recordType === OffsetCommitKey.apiKey || recordType === legacyOffsetType) {
    return { type: 'offset', key: decode(OffsetCommitKey, 0, reader) }
  }
  if (recordType === GroupMetadataKey.apiKey) return { type: 'group', key: decode(GroupMetadataKey, 0, reader) }
  return { type: 'other', recordType }
}
