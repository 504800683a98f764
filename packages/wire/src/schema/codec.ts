import type { Reader } from '../bytes/reader.ts'
import { WireError } from '../bytes/wire-error.ts'
import type { Writer } from '../bytes/writer.ts'
import { compile } from './compile.ts'
import { interpret } from './interpret.ts'
import type { Codec, Message } from './schema.ts'

/**
 * The codec of one version of a message, compiled on first use and then found by index.
 * Throws WireError for a version outside the message's range.
 */
export function codec<Output, Input>(message: Message<Output, Input>, version: number): Codec<Output, Input> {
  return message.codecs[version] ?? build(message, version)
}

/** Reads one message; leaves the reader after its last byte. Throws WireError. */
export function decode<Output, Input>(message: Message<Output, Input>, version: number, reader: Reader): Output {
  return codec(message, version).decode(reader)
}

/**
 * Writes one message. A field that is left out takes its default; a field that the version lacks is dropped if Kafka
 * marks it ignorable, and refused with WireError if it is not and differs from its default.
 */
export function encode<Output, Input>(
  message: Message<Output, Input>,
  version: number,
  value: NoInfer<Input>,
  writer: Writer,
): void {
  codec(message, version).encode(value, writer)
}

function build<Output, Input>(message: Message<Output, Input>, version: number): Codec<Output, Input> {
  const [first, last] = message.versions
  if (!Number.isInteger(version) || version < first || version > last) {
    throw new WireError(`${message.name} has no version ${version}, only ${first} to ${last}`)
  }
  const built = compileOrInterpret(message, version)
  message.codecs[version] = built
  return built
}

function compileOrInterpret<Output, Input>(message: Message<Output, Input>, version: number): Codec<Output, Input> {
  try {
    return compile(message, version)
  } catch (error) {
    if (error instanceof EvalError) return interpret(message, version)
    throw error
  }
}
