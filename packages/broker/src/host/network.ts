import type { TlsDialOptions, TlsListenOptions } from './tls.ts'

export interface Address {
  host: string
  port: number
}

/**
 * Receives the bytes of one connection. Two steps instead of one event, so that the receiver chooses where bytes go:
 * small frames land in a buffer shared by all connections, large ones directly in a buffer of their own (docs/adr/0003).
 */
export interface Receiver {
  /** Where the next bytes shall be put. Called before each read; must not be empty. */
  buffer(): Uint8Array

  /** `count` bytes now stand at the start of the last buffer given. That buffer may be overwritten after the call returns. */
  received(count: number): void

  /** The output that had piled up beyond `pendingBytes() > 0` is gone. */
  drained(): void

  /**
   * The connection is over; the last call. `error` is undefined when both sides ended in peace or `destroy` was called
   * here, else a NetworkError.
   */
  closed(error: Error | undefined): void
}

/** One byte stream with a peer. */
export interface Connection {
  readonly remote: Address
  /** The address the peer dialled. */
  readonly local: Address
  /**
   * Subject of the certificate with which the peer has proved who it is, in the form of RFC 2253 (`CN=app,O=Example`);
   * undefined without TLS, or if it showed none. Known from the first `received` on.
   */
  readonly peerSubject?: string | undefined

  /**
   * Must be called once, in the turn in which the connection appeared. Nothing is handed over before. A peer that ends
   * its side ends ours too, after what was written until then.
   */
  receive(receiver: Receiver): void

  /**
   * Sends `chunks` in order, as one write. They must not change until `written` is called (or the connection is closed,
   * after which `written` is called too). `written` is called once, never within the call, in the order of the writes.
   * After `end` or `destroy`, or once the peer has ended, nothing is sent, and `written` is called all the same.
   */
  write(chunks: readonly Uint8Array[], written?: () => void): void

  /** Bytes handed to `write` that the system has not taken yet. */
  pendingBytes(): number

  /**
   * Stops reading: no `received` follows, even within one that runs. The peer feels it once the system's buffers are full.
   * The end of the connection may not be noticed meanwhile.
   */
  pause(): void
  resume(): void

  /**
   * Closes after everything written has been sent; nothing is received any more. A peer that takes nothing, or does not
   * end its own side, is cut off after 5 seconds without progress.
   */
  end(): void

  /** Closes at once, dropping what was not sent. `closed` follows, not within the call. */
  destroy(): void
}

export interface Listener {
  readonly address: Address
  /** Stops accepting. Connections that exist go on. */
  close(): Promise<void>
}

export interface Network {
  /**
   * Listens; port 0 takes a free one. With `tls` a connection appears before its handshake, so that whoever counts
   * connections counts those who never finish it; if it fails, `closed` gets a NetworkError 'tls'.
   * @throws NetworkError 'in-use' | 'denied' | 'unknown-host'
   */
  listen(address: Address, accepted: (connection: Connection) => void, tls?: TlsListenOptions): Promise<Listener>

  /** Dials; the handshake is part of that. Rejects with NetworkError 'refused' | 'unreachable' | 'timed-out' | 'tls'. */
  connect(address: Address, timeoutMs: number, tls?: TlsDialOptions): Promise<Connection>
}

export type NetworkErrorKind =
  | 'in-use'
  | 'denied'
  | 'unknown-host'
  | 'refused'
  | 'unreachable'
  | 'timed-out'
  | 'reset'
  | 'tls'
  | 'other'

/** A failure of the network or of the system under it. */
export class NetworkError extends Error {
  readonly kind: NetworkErrorKind

  constructor(kind: NetworkErrorKind, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'NetworkError'
    this.kind = kind
  }
}
