import type { Server, Socket } from 'node:net'
import { createServer } from 'node:net'
import type { Api, RequestHeader } from '../src/mod.ts'
import { apis, decode, decodeRequestHeader, encodeResponse, errorCodes, findApi, Reader, Writer } from '../src/mod.ts'
import { answers } from './answers.ts'

/** One request as a client sent it, without the size in front. */
export interface Recorded {
  readonly api: Api
  readonly version: number
  readonly bytes: Buffer
}

/** Any id but the zero one, which stands for "none". */
const topicId = 'golden_topic_id_00000A'

/** Which versions the recorder pretends to speak; narrower ranges make clients use older forms. */
export type VersionCap = (api: Api) => number

/**
 * A broker that keeps nothing but the requests it gets, and answers each just well enough for the client to go on.
 * All answers come from this package's own encoder, so that real clients check that side too.
 */
export class Recorder {
  readonly requests: Recorded[] = []
  private readonly server: Server
  private readonly sockets = new Set<Socket>()
  private readonly cap: VersionCap

  constructor(cap: VersionCap) {
    this.cap = cap
    this.server = createServer((socket) => this.serve(socket))
  }

  /** Listens on a free loopback port and returns it. */
  async listen(): Promise<number> {
    await new Promise<void>((resolve) => this.server.listen(0, '127.0.0.1', resolve))
    return this.port
  }

  async close(): Promise<void> {
    for (const socket of this.sockets) socket.destroy()
    await new Promise((resolve) => this.server.close(resolve))
  }

  private get port(): number {
    const address = this.server.address()
    if (address === null || typeof address === 'string') throw new Error('the recorder is not listening')
    return address.port
  }

  private serve(socket: Socket): void {
    this.sockets.add(socket)
    let received: Buffer = Buffer.alloc(0)
    socket.on('error', () => socket.destroy())
    socket.on('close', () => this.sockets.delete(socket))
    socket.on('data', (data: Buffer) => {
      received = Buffer.concat([received, data])
      while (received.length >= 4 && received.length >= 4 + received.readInt32BE(0)) {
        const size = received.readInt32BE(0)
        this.answer(received.subarray(4, 4 + size), socket)
        received = received.subarray(4 + size)
      }
    })
  }

  private answer(bytes: Buffer, socket: Socket): void {
    const reader = new Reader(bytes)
    const header = decodeRequestHeader(reader)
    const api = findApi(header.apiKey)
    if (api === null) throw new Error(`unknown API ${header.apiKey}`)
    const writer = new Writer()
    if (header.apiVersion > this.cap(api)) {
      encodeResponse(apis[18], 0, header.correlationId, this.unsupportedVersion(), writer)
    } else {
      this.requests.push({ api, version: header.apiVersion, bytes: Buffer.from(bytes) })
      const value = this.valueFor(api, header, reader)
      if (value === null) return
      encodeResponse(api, header.apiVersion, header.correlationId, value, writer)
    }
    for (const chunk of writer.chunks()) socket.write(chunk)
  }

  private valueFor(api: Api, header: RequestHeader, reader: Reader): unknown {
    if (api.key === 18) return { apiKeys: this.apiKeys() }
    const request = decode(api.request, header.apiVersion, reader)
    const answer = answers[api.key]
    if (answer === undefined) throw new Error(`no answer for ${api.name}`)
    return answer(request as never, { port: this.port, version: header.apiVersion, topicId })
  }

  private unsupportedVersion(): { errorCode: number; apiKeys: ReturnType<Recorder['apiKeys']> } {
    return { errorCode: errorCodes.UNSUPPORTED_VERSION.code, apiKeys: this.apiKeys() }
  }

  private apiKeys(): { apiKey: number; minVersion: number; maxVersion: number }[] {
    const known = Object.values<Api>(apis).filter((api) => this.cap(api) >= api.versions[0])
    return known.map((api) => ({ apiKey: api.key, minVersion: api.versions[0], maxVersion: this.cap(api) }))
  }
}
