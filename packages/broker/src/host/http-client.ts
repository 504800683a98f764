/** One request. The body is small and whole; only answers may be streams. */
export interface HttpClientRequest {
  readonly method: 'GET' | 'POST'
  /** Absolute, `http:` or `https:`. */
  readonly url: string
  readonly headers: Readonly<Record<string, string>>
  readonly body: string
  /** Time for a new connection to be made, TLS included. */
  readonly connectTimeoutMs: number
  /** Time for the whole exchange, waiting for a connection included; of a stream, until its headers have come. */
  readonly timeoutMs: number
}

export interface HttpClientAnswer {
  readonly status: number
  readonly body: string
}

export interface HttpClientStream {
  readonly status: number
  /**
   * The body as it comes in, once. Ends when the peer ends it properly, and throws HttpClientError when it is cut off or
   * the signal fires. Leaving the loop closes the connection. The peer is held back while nobody takes the next chunk.
   */
  readonly chunks: AsyncIterable<Uint8Array>
}

/**
 * - `connect`: no connection, so that nothing was sent: refused, unknown name, TLS refused, timed out before that.
 * - `timed-out`: the request went out, the answer did not come in time.
 * - `cut-off`: the connection broke while the answer was awaited or read, or what came was not HTTP.
 * - `too-large`: the answer is longer than `answerBytesMax`.
 * - `aborted`: the signal fired, or the client was closed.
 */
export type HttpClientErrorKind = 'connect' | 'timed-out' | 'cut-off' | 'too-large' | 'aborted'

/** An expected failure of an HTTP exchange. */
export class HttpClientError extends Error {
  readonly kind: HttpClientErrorKind
  /** Whether any byte of the request may have reached the peer. While false the request surely has had no effect. */
  readonly sent: boolean

  constructor(kind: HttpClientErrorKind, sent: boolean, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'HttpClientError'
    this.kind = kind
    this.sent = sent
  }
}

/** Requests to HTTP servers. Connections are kept and used again. The real one is node/node-http-client.ts. */
export interface HttpClient {
  /**
   * Sends a request and reads the whole answer, at most `answerBytesMax` bytes. Rejects with HttpClientError; after a
   * failure with `sent`, the idle connections to that server are not used again.
   */
  request(request: HttpClientRequest, answerBytesMax: number): Promise<HttpClientAnswer>

  /**
   * Sends a request on a connection of its own and resolves when the headers of the answer are here. Rejects with
   * HttpClientError. After `signal` fires the stream is over.
   */
  stream(request: HttpClientRequest, signal: AbortSignal): Promise<HttpClientStream>

  /** Closes every connection; what is under way fails with 'aborted'. Safe to call twice. */
  close(): void
}
