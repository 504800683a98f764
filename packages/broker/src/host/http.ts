import type { Address } from './network.ts'
import type { TlsListenOptions } from './tls.ts'

/** One request, whole: the body has arrived and lies within the limit. */
export interface HttpRequest {
  /** Upper case. */
  readonly method: string
  /** Decoded path without query, starting with `/`. */
  readonly path: string
  readonly query: ReadonlyMap<string, string>
  /** Names in lower case; a name that came twice has its values joined by `, `. */
  readonly headers: ReadonlyMap<string, string>
  readonly body: Uint8Array
  /** IP address of the client, where there is one. */
  readonly remoteHost?: string
}

export interface HttpResponse {
  readonly status: number
  readonly headers: Readonly<Record<string, string>>
  readonly body: string | Uint8Array
}

/** Answers a request. Must not throw for anything a client can send; if it does throw, the client gets a 500. */
export type HttpHandler = (request: HttpRequest) => HttpResponse | Promise<HttpResponse>

export interface HttpLimits {
  /** Longest body; a longer one gets 413 before it is read. */
  bodyBytesMax: number
  /** Time for the whole request to arrive. */
  requestTimeoutMs: number
  /** Connections at a time; further ones are closed. */
  connectionCountMax: number
}

export const httpLimitDefaults: HttpLimits = {
  bodyBytesMax: 1_048_576,
  requestTimeoutMs: 10_000,
  connectionCountMax: 256,
}

export interface HttpListener {
  readonly address: Address
  /** Stops accepting, answers what is under way for at most `timeoutMs`, then closes every connection. */
  close(timeoutMs: number): Promise<void>
}

/** The HTTP port as the broker sees it. The real one is node/node-http.ts; tests call the handler directly. */
export interface HttpServer {
  /**
   * Listens; port 0 takes a free one. With `tls` it is HTTPS; connections are counted before their handshake.
   * @throws NetworkError 'in-use' | 'denied' | 'unknown-host'
   */
  listen(address: Address, handler: HttpHandler, limits: HttpLimits, tls?: TlsListenOptions): Promise<HttpListener>
}
