import { Socket } from 'node:net'
import type { SocketConstructorOpts } from 'node:net'
import type { Address, Connection, Receiver } from '../network.ts'
import { networkErrorOf } from './node-network-error.ts'
import { verifiedSubjectOf } from './node-tls.ts'

/** How long an ended connection may make no progress before it is cut: a peer that is gone never ends its side. */
const lingerMs = 5000

/** A peer without power sends nothing; probes find that out. */
const keepAliveDelayMs = 60_000

/**
 * Takes what arrives before there is a receiver, which is then copied. One for all connections: its content is handed
 * on before the read call returns.
 */
const firstBuffer = new Uint8Array(16 * 1024)

const noBytes = new Uint8Array(0)

type OnRead = NonNullable<SocketConstructorOpts['onread']>

/** A connection over a socket of node:net or node:tls, which reads into the receiver's own buffers wherever Node allows that. */
export class NodeConnection implements Connection {
  remote: Address
  local: Address
  readonly #socket: Socket
  #receiver: Receiver | undefined
  #target: Uint8Array = firstBuffer
  #copied: Uint8Array | undefined
  #copying = false
  /** Everything has arrived, though it may still have to be handed on. */
  #peerEnded = false
  #paused = false
  /** Set by `end` and `destroy`: whatever still arrives is thrown away. */
  #closing = false
  #piledUp = false
  #error: Error | undefined
  #closed = false
  #linger: NodeJS.Timeout | undefined

  /** `makeSocket` shall give its argument to the socket as `onread`, or ignore it: then bytes come as 'data' and are copied. */
  constructor(makeSocket: (onread: OnRead) => Socket) {
    const onread: OnRead = { buffer: () => this.#nextTarget(), callback: (count) => this.#read(count) }
    const socket = makeSocket(onread)
    this.#socket = socket
    this.remote = { host: '', port: 0 }
    this.local = { host: '', port: 0 }
    socket.pause()
    socket.setNoDelay(true)
    socket.setKeepAlive(true, keepAliveDelayMs)
    socket.on('data', (bytes: Uint8Array) => this.#copy(bytes))
    // A peer that ends its side has no use for answers that are not written yet.
    socket.on('end', () => {
      this.#peerEnded = true
      if (this.#copied === undefined) this.end()
    })
    socket.on('error', (error) => {
      this.#error ??= networkErrorOf(error, `connection with ${this.remote.host}:${this.remote.port}`)
    })
    socket.on('close', () => this.#socketClosed())
    this.nameEnds()
  }

  get peerSubject(): string | undefined {
    return verifiedSubjectOf(this.#socket)
  }

  /** Learns the addresses of both ends; a dialled socket has them only once it is connected. */
  nameEnds(): void {
    const socket = this.#socket
    this.remote = { host: plainHost(socket.remoteAddress ?? ''), port: socket.remotePort ?? 0 }
    this.local = { host: plainHost(socket.localAddress ?? ''), port: socket.localPort ?? 0 }
  }

  receive(receiver: Receiver): void {
    if (this.#receiver !== undefined) throw new Error('receive was called twice')
    this.#receiver = receiver
    if (this.#closed) process.nextTick(() => receiver.closed(this.#error))
    else if (!this.#paused) this.#socket.resume()
  }

  write(chunks: readonly Uint8Array[], written?: () => void): void {
    const socket = this.#socket
    const isNothing = chunks.length === 0
    if (this.#closing || socket.destroyed || (isNothing && socket.writableLength === 0)) {
      if (written !== undefined) process.nextTick(written)
      return
    }
    const last = chunks.length - 1
    const done = written === undefined ? this.#sent : () => this.#sentWith(written)
    if (last <= 0) {
      // Nothing is written all the same if something is still under way: its turn comes after that.
      socket.write(chunks[0] ?? noBytes, done)
    } else {
      // Corked pieces go out in one writev; two system calls for an answer cost a fifth of the throughput (measured).
      socket.cork()
      for (let index = 0; index < last; index += 1) socket.write(chunks[index]!)
      socket.write(chunks[last]!, done)
      socket.uncork()
    }
    if (socket.writableLength > 0) this.#piledUp = true
  }

  pendingBytes(): number {
    return this.#socket.destroyed ? 0 : this.#socket.writableLength
  }

  pause(): void {
    this.#paused = true
    if (!this.#closing) this.#socket.pause()
  }

  resume(): void {
    this.#paused = false
    if (this.#closing || this.#receiver === undefined) return
    this.#copyOn()
    if (!this.#paused && !this.#closing) this.#socket.resume()
  }

  end(): void {
    if (this.#closing) return
    this.#closing = true
    const socket = this.#socket
    // Until all is sent only progress in sending counts, so nothing is read: input must not keep the connection alive.
    socket.pause()
    socket.setTimeout(lingerMs, () => socket.destroy())
    socket.end(() => this.#awaitEndOfPeer())
  }

  destroy(): void {
    this.#closing = true
    this.#socket.destroy()
  }

  /** Closing with unread input would reset the connection and destroy the last answer on its way, so input is drained. */
  #awaitEndOfPeer(): void {
    const socket = this.#socket
    if (socket.destroyed) return
    socket.setTimeout(0)
    this.#linger = setTimeout(() => socket.destroy(), lingerMs).unref()
    socket.resume()
  }

  /** Where node shall read to next. */
  #nextTarget(): Uint8Array {
    // While a rest waits to be copied the receiver is asked for a buffer for that, so what node reads comes after it.
    const direct = this.#receiver !== undefined && !this.#closing && this.#copied === undefined
    this.#target = direct ? bufferOf(this.#receiver!) : firstBuffer
    return this.#target
  }

  #read(count: number): boolean {
    if (this.#closing) return true
    if (this.#target === firstBuffer) this.#copy(firstBuffer.subarray(0, count))
    else this.#receiver!.received(count)
    return true
  }

  #copy(bytes: Uint8Array): void {
    if (this.#closing) return
    this.#copied = bytes
    this.#copyOn()
    // Paused halfway: the rest must outlive the shared buffer it stands in.
    if (this.#copied !== undefined) this.#copied = this.#copied.slice()
  }

  /** Hands on what was copied, in pieces as large as the receiver's buffers. */
  #copyOn(): void {
    if (this.#copying) return
    this.#copying = true
    while (this.#copied !== undefined && !this.#paused && !this.#closing) {
      const bytes: Uint8Array = this.#copied
      const target = bufferOf(this.#receiver!)
      const count = Math.min(target.length, bytes.length)
      target.set(count === bytes.length ? bytes : bytes.subarray(0, count))
      this.#copied = count === bytes.length ? undefined : bytes.subarray(count)
      this.#receiver!.received(count)
    }
    this.#copying = false
    if (this.#peerEnded && this.#copied === undefined) this.end()
  }

  readonly #sent = (): void => {
    if (!this.#piledUp || this.#socket.writableLength > 0) return
    this.#piledUp = false
    if (!this.#closing && !this.#closed) this.#receiver?.drained()
  }

  #sentWith(written: () => void): void {
    written()
    this.#sent()
  }

  #socketClosed(): void {
    if (this.#closed) return
    this.#closed = true
    clearTimeout(this.#linger)
    this.#receiver?.closed(this.#error)
  }
}

function bufferOf(receiver: Receiver): Uint8Array {
  const buffer = receiver.buffer()
  if (buffer.length === 0) throw new Error('the receiver gave an empty buffer')
  return buffer
}

/** A listener on :: shows IPv4 peers as ::ffff:1.2.3.4. */
export function plainHost(host: string): string {
  return host.startsWith('::ffff:') ? host.slice(7) : host
}
