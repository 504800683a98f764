import type { Reader } from '../bytes/reader.ts'
import type { Writer } from '../bytes/writer.ts'
import { encode } from '../schema/codec.ts'
import type { Message } from '../schema/schema.ts'
import type { Api } from './apis.ts'
import { findApi } from './apis.ts'

/**
 * What stands in front of every request. The layout depends on the API: version 1 as it is, version 2 of the header
 * (flexible requests) adds a tagged section.
 */
export interface RequestHeader {
  readonly apiKey: number
  readonly apiVersion: number
  readonly correlationId: number
  /** Name the client gives itself. An ordinary nullable string in header 2 as well, so that any broker can read it. */
  readonly clientId: string | null
}

const apiVersionsKey = 18

/**
 * Reads the header of a request; the reader stands after the frame's size, and afterwards at the body.
 *
 * An unknown API key is no error here, nor is an unknown version: the caller answers or closes. For such a key the
 * tagged section, if any, is not skipped, as nothing tells whether there is one.
 */
export function decodeRequestHeader(reader: Reader): RequestHeader {
  const apiKey = reader.int16()
  const apiVersion = reader.int16()
  const correlationId = reader.int32()
  const clientId = reader.nullableString()
  const api = findApi(apiKey)
  if (api !== null && apiVersion >= api.flexible) reader.skipTaggedFields()
  return { apiKey, apiVersion, correlationId, clientId }
}

/** Writes a request as a frame: size, header, body. On WireError the frame is taken back. */
export function encodeRequest<Output, Input>(
  api: Api<Message<Output, Input>>,
  version: number,
  header: Pick<RequestHeader, 'correlationId' | 'clientId'>,
  value: NoInfer<Input>,
  writer: Writer,
): void {
  inFrame(writer, () => {
    writer.int16(api.key)
    writer.int16(version)
    writer.int32(header.correlationId)
    writer.nullableString(header.clientId)
    if (version >= api.flexible) writer.unsignedVarint(0)
    encode(api.request, version, value, writer)
  })
}

/**
 * Reads the header of a response to a request of this API and version; returns its correlation id and leaves the
 * reader at the body.
 */
export function decodeResponseHeader(api: Api, version: number, reader: Reader): number {
  const correlationId = reader.int32()
  if (hasTaggedResponseHeader(api, version)) reader.skipTaggedFields()
  return correlationId
}

/** Writes a response as a frame: size, header, body. On WireError the frame is taken back. */
export function encodeResponse<Output, Input>(
  api: Api<Message<unknown, unknown>, Message<Output, Input>>,
  version: number,
  correlationId: number,
  value: NoInfer<Input>,
  writer: Writer,
): void {
  inFrame(writer, () => {
    writer.int32(correlationId)
    if (hasTaggedResponseHeader(api, version)) writer.unsignedVarint(0)
    encode(api.response, version, value, writer)
  })
}

/** ApiVersions answers keep header 0 in all versions: their reader cannot know yet what the broker speaks. */
function hasTaggedResponseHeader(api: Api, version: number): boolean {
  return version >= api.flexible && api.key !== apiVersionsKey
}

function inFrame(writer: Writer, write: () => void): void {
  writer.beginFrame()
  try {
    write()
  } catch (error) {
    writer.cancelFrame()
    throw error
  }
  writer.endFrame()
}
