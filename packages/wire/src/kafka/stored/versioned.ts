import { Reader } from '../../bytes/reader.ts'
import { WireError } from '../../bytes/wire-error.ts'
import { Writer } from '../../bytes/writer.ts'
import { decode, encode } from '../../schema/codec.ts'
import type { Message } from '../../schema/schema.ts'

/** Encodes a message behind an int16 that holds its version, the form of embedded and stored data. */
export function encodeVersioned<Output, Input>(
  message: Message<Output, Input>,
  version: number,
  value: NoInfer<Input>,
): Buffer {
  const writer = new Writer(256)
  writer.int16(version)
  encode(message, version, value, writer)
  return writer.concat()
}

/**
 * Decodes what {@link encodeVersioned} wrote. Data of a version newer than the message knows is read as the newest
 * known one: the consumer protocol promises that later versions only append fields. Throws WireError.
 */
export function decodeVersioned<Output, Input>(message: Message<Output, Input>, bytes: Uint8Array): Output {
  const reader = new Reader(bytes)
  const version = reader.int16()
  if (version < 0) throw new WireError(`${message.name} has no version ${version}`)
  return decode(message, Math.min(version, message.versions[1]), reader)
}
