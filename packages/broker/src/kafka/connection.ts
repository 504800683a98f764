import type { Writer } from '@polylog/wire'
import { apis, decode, decodeRequestHeader, encodeResponse, Reader, WireError } from '@polylog/wire'
import { userType } from '../auth/principal.ts'
import type { FrameMemory, FramePool } from '../host/frame-memory.ts'
import type { Address, Connection, Receiver } from '../host/network.ts'
import { NetworkError } from '../host/network.ts'
import type { LogFields } from '../telemetry/logger.ts'
import { AnswerQueue } from './answer-queue.ts'
import { Authentication } from './authentication.ts'
import { findHandler } from './dispatch.ts'
import { saslAuthenticate } from './handlers/36-sasl-authenticate.ts'
import type { FrameSink } from './frame-assembler.ts'
import { FrameAssembler } from './frame-assembler.ts'
import { kafkaLimits, requestHeapBytesMax } from './kafka-config.ts'
import type { Client } from './request-context.ts'
import { RequestContext } from './request-context.ts'
import type { RequestMemory } from './request-memory.ts'
import { serve } from './serve.ts'
import type { Services } from './services.ts'
import type { Flushable, TurnEnd } from './turn-end.ts'

/** Requests kept unread because the connection may not work on them yet; beyond it, the socket is not read. */
const heldBytesMax = 64 * 1024

/** SaslHandshake, ApiVersions, SaslAuthenticate: served to whoever connects. */
const loginApiKeys: ReadonlySet<number> = new Set([17, 18, 36])

/** What all connections of a listener share. */
export interface Shared {
  readonly services: Services
  readonly turnEnd: TurnEnd
  readonly requestMemory: RequestMemory
  /** Bytes are received into it, and are of use only until the receive call returns. */
  readonly receiveBuffer: Buffer
  /** Memory of frames that are too large for that. */
  readonly framePool: FramePool
  /** Answers are encoded with it, one connection after the other. */
  readonly writer: Writer
  /** The client has logged in. */
  welcome(connection: KafkaConnection): void
  /** The connection is over. */
  forget(connection: KafkaConnection): void
}

/**
 * One client: takes requests, lets handlers work, sends answers in the order of the requests.
 *
 * Work stops, and then reading, while a request that does not overlap with others waits, while too many requests wait, or
 * while the client does not read its answers. `mayTakeRequest` is the whole rule; `proceed` applies it whenever it may
 * have changed.
 */
export class KafkaConnection implements Receiver, FrameSink, Client, Flushable {
  readonly services: Services
  readonly remote: Address
  readonly local: Address
  readonly authentication: Authentication
  flushPending = false
  /** Monotonic time at which bytes last arrived. */
  lastReceivedMs: number

  private readonly shared: Shared
  private readonly socket: Connection
  private readonly assembler: FrameAssembler
  private readonly queue = new AnswerQueue()
  /** The request that has to be answered before the next one is taken. */
  private barrier: RequestContext | undefined
  private outputFull = false
  private paused = false
  /** No more requests are taken; once the queue is empty, the connection ends. */
  private finishing = false
  private isClosed = false
  /** Whether it was looked who the other side is by its certificate, which is known once the first bytes have come. */
  private isIntroduced = false
  /** What lives no longer than this connection. */
  private readonly closing = new Set<() => void>()

  constructor(shared: Shared, socket: Connection) {
    this.shared = shared
    this.services = shared.services
    this.socket = socket
    this.remote = socket.remote
    this.local = socket.local
    const { config, authenticator } = shared.services
    const mustLogIn = authenticator !== undefined
    this.authentication = new Authentication(mustLogIn, () => this.welcome())
    const requestBytesMax = mustLogIn ? kafkaLimits.unauthenticatedRequestBytesMax : config.requestBytesMax
    this.assembler = new FrameAssembler(shared.receiveBuffer, shared.framePool, requestBytesMax, this)
    this.lastReceivedMs = shared.services.host.clock.monotonicMs()
  }

  /** Whether no request waits for its answer. */
  get idle(): boolean {
    return this.queue.count === 0
  }

  // From the network.

  buffer(): Uint8Array {
    const buffer = this.assembler.buffer()
    return this.authentication.mayServe ? buffer : buffer.subarray(0, kafkaLimits.unauthenticatedRequestBytesMax)
  }

  received(count: number): void {
    this.lastReceivedMs = this.services.host.clock.monotonicMs()
    if (!this.isIntroduced) this.introduce()
    // What other connections do may have filled the memory for requests since the last look.
    if (!this.mayTakeRequest()) this.assembler.stop()
    this.assembler.received(count)
    // A follower that says more will not wait any longer for news (docs/protocols/broker.md).
    const { barrier, authentication, assembler } = this
    if (barrier?.api === apis[1] && authentication.broker !== undefined && assembler.heldBytes > 0) barrier.hurry()
    this.proceed()
  }

  drained(): void {
    if (!this.outputFull) return
    this.outputFull = false
    this.proceed()
  }

  closed(error: Error | undefined): void {
    if (this.isClosed) return
    this.isClosed = true
    this.authentication.close()
    this.assembler.close()
    this.barrier = undefined
    this.dropQueue()
    for (const callback of this.closing) callback()
    this.shared.requestMemory.forget(this)
    if (error !== undefined) this.reportLoss(error)
    this.shared.forget(this)
  }

  // From the assembler.

  frame(bytes: Buffer, start: number, end: number, memory: FrameMemory | undefined): boolean {
    try {
      this.take(new Reader(bytes, start, end), memory)
    } catch (error) {
      // Whatever the bytes were: only this connection is lost. Anything but a WireError is a bug and wants its stack.
      const detail = error instanceof WireError ? error.message : String(error instanceof Error ? error.stack : error)
      this.breakProtocol('kafka request cannot be read', { detail, bytes: end - start })
    }
    return this.mayTakeRequest()
  }

  invalidSize(size: number): void {
    const sizeMax = this.services.config.requestBytesMax
    this.breakProtocol('kafka request of impossible size', { size, sizeMax, hint: otherProtocolHint(size) })
  }

  // From request contexts.

  answered(context: RequestContext): void {
    if (this.barrier === context) this.barrier = undefined
    this.queue.answered(context)
    this.shared.turnEnd.add(this)
  }

  onClosed(callback: () => void): () => void {
    // A callback of its own for each, so that the same one may be named twice.
    const entry = (): void => callback()
    this.closing.add(entry)
    return () => this.closing.delete(entry)
  }

  abort(reason: string): void {
    this.services.logger.warn('kafka connection closed by the broker', this.peer({ reason }))
    this.finish()
  }

  // From the listener.

  /** Takes no more requests, lets those that only wait for something come back at once, and ends when all are answered. */
  finish(): void {
    if (this.finishing || this.isClosed) return
    this.finishing = true
    this.assembler.close()
    this.queue.forEachWaiting((context) => context.hurry())
    this.shared.turnEnd.add(this)
  }

  /** Closes at once. */
  destroy(): void {
    this.socket.destroy()
  }

  /** Gives memory back that is only useful while there is traffic. */
  trim(): void {
    this.assembler.trim()
  }

  /** Sends all answers whose turn has come. */
  flush(): void {
    if (this.isClosed) return
    const { services, socket } = this
    this.sendAnswers()
    const pendingBytes = socket.pendingBytes()
    if (pendingBytes > services.config.connectionOutputBytesMax) {
      services.logger.warn('kafka client does not read its answers', this.peer({ pendingBytes }))
      socket.destroy()
      return
    }
    this.outputFull = pendingBytes > this.outputPauseBytes
    if (this.finishing && this.queue.count === 0) socket.end()
    else this.proceed()
  }

  /** Who has shown a certificate is called as in it, unless a login says otherwise. */
  private introduce(): void {
    this.isIntroduced = true
    const name = this.socket.peerSubject
    if (name !== undefined) this.authentication.principal = { type: userType, name }
  }

  private take(reader: Reader, memory: FrameMemory | undefined): void {
    if (this.authentication.takesBareTokens) return this.takeToken(reader, memory)
    const bytes = reader.remaining
    const { apiKey, apiVersion, correlationId, clientId } = decodeRequestHeader(reader)
    this.expectLogin(apiKey)
    const handler = findHandler(apiKey)
    if (handler === undefined) throw new WireError(`API ${apiKey} version ${apiVersion} is not served`)
    const { api } = handler
    const isKnown = apiVersion >= api.versions[0] && apiVersion <= api.versions[1]
    if (!isKnown && handler.handleUnknownVersion === undefined) {
      throw new WireError(`${api.name} has no version ${apiVersion}`)
    }
    reader.heapBytesLeft = requestHeapBytesMax(bytes)
    const request = isKnown ? decode(api.request, apiVersion, reader) : undefined
    const version = isKnown ? apiVersion : 0
    const context = new RequestContext(this, api, version, correlationId, clientId, bytes, memory, this.lastReceivedMs)
    this.enqueue(context)
    if (isKnown) serve(handler, request, context)
    else context.answer(handler.handleUnknownVersion!(context))
    if (!context.done && handler.overlaps !== true) this.barrier = context
  }

  /** A step of a login that SaslHandshake 0 has begun: a token without header. */
  private takeToken(reader: Reader, memory: FrameMemory | undefined): void {
    const { api } = saslAuthenticate
    const bytes = reader.remaining
    const context = new RequestContext(this, api, 0, 0, null, bytes, memory, this.lastReceivedMs)
    context.isBare = true
    this.enqueue(context)
    const authBytes = reader.buffer.subarray(reader.position, reader.position + bytes)
    serve(saslAuthenticate, { authBytes }, context)
    if (!context.done) this.barrier = context
  }

  private enqueue(context: RequestContext): void {
    this.queue.push(context)
    this.shared.requestMemory.take(context.bytes)
    this.services.metrics.requestReceived(context.api.key, context.bytes)
  }

  /** @throws WireError if the client must log in before such a request is served */
  private expectLogin(apiKey: number): void {
    if (loginApiKeys.has(apiKey)) return
    const { authentication } = this
    if (!authentication.mayServe) throw new WireError(`API ${apiKey} is not served before a login`)
    if (authentication.hasExpired(this.lastReceivedMs))
      throw new WireError('the login is too old: connections.max.reauth.ms')
  }

  /** The client has proved who it is. */
  private welcome(): void {
    this.assembler.frameBytesMax = this.services.config.requestBytesMax
    this.shared.welcome(this)
  }

  /** Unsent answers at which nothing more is read. */
  private get outputPauseBytes(): number {
    if (!this.authentication.mayServe) return kafkaLimits.unauthenticatedRequestBytesMax
    return this.services.config.connectionOutputPauseBytes
  }

  private mayTakeRequest(): boolean {
    const { config } = this.services
    return (
      this.barrier === undefined &&
      !this.outputFull &&
      !this.finishing &&
      // One by one before the login: else small requests would lead to many answers that nobody reads.
      this.queue.count < (this.authentication.mayServe ? kafkaLimits.inFlightRequestCountMax : 1) &&
      this.queue.bytes < kafkaLimits.inFlightBytesMax &&
      // Many fetches may be answered out of memory within one turn, before the socket can show that it is full.
      this.queue.answerBytes <= config.connectionOutputPauseBytes &&
      this.shared.requestMemory.hasRoomFor(this)
    )
  }

  private proceed(): void {
    if (this.isClosed) return
    if (this.mayTakeRequest()) this.assembler.resume()
    // A finishing connection is still read, and what comes is dropped: else the end of the peer's side would go unseen.
    const heldMax = this.authentication.mayServe ? heldBytesMax : 0
    const pause = !this.finishing && (this.outputFull || this.assembler.heldBytes > heldMax)
    if (pause === this.paused) return
    this.paused = pause
    if (pause) this.socket.pause()
    else this.socket.resume()
  }

  private sendAnswers(): void {
    const { services, shared } = this
    const { writer } = shared
    const nowMs = services.host.clock.monotonicMs()
    let releases: (() => void)[] | undefined
    for (let context = this.queue.takeDone(); context !== undefined; context = this.queue.takeDone()) {
      this.leave(context, nowMs)
      if (context.release !== undefined) (releases ??= []).push(context.release)
      if (context.response !== undefined && !this.encode(context)) break
    }
    const bytes = writer.size
    if (bytes > 0) {
      services.metrics.bytesSent(bytes)
      this.socket.write(writer.chunks(), releases === undefined ? undefined : () => callAll(releases))
    } else if (releases !== undefined) callAll(releases)
  }

  /** An answer that cannot be encoded is a bug. The client must not wait for ever, nor get the next answer for this one. */
  private encode(context: RequestContext): boolean {
    const { api } = context
    try {
      if (context.isBare) this.shared.writer.bytes((context.response as { authBytes: Uint8Array }).authBytes)
      else encodeResponse(api, context.apiVersion, context.correlationId, context.response, this.shared.writer)
      return true
    } catch (error) {
      const stack = error instanceof Error ? error.stack : String(error)
      this.services.logger.error('kafka answer cannot be encoded', this.peer({ api: api.name, stack }))
      this.dropQueue()
      this.finish()
      return false
    }
  }

  private dropQueue(): void {
    const nowMs = this.services.host.clock.monotonicMs()
    this.queue.clear((context) => {
      this.leave(context, nowMs)
      context.cancel()
    })
  }

  /** Accounts for a request that has left the queue. */
  private leave(context: RequestContext, nowMs: number): void {
    this.shared.requestMemory.give(context.bytes)
    this.services.metrics.requestFinished(context.api.key, nowMs - context.receivedAtMs)
  }

  private breakProtocol(event: string, fields: LogFields): void {
    this.services.metrics.protocolBroken()
    this.services.logger.warn(event, this.peer(fields))
    this.finish()
  }

  /** What breaks is broken by networks and by programs that end; what is no TLS, or not the right one, by people. */
  private reportLoss(error: Error): void {
    const { logger, metrics } = this.services
    const isTls = error instanceof NetworkError && error.kind === 'tls'
    if (isTls) metrics.protocolBroken()
    const fields = this.peer({ error: error.message })
    if (isTls) logger.warn('kafka client refused by TLS', fields)
    else logger.debug('kafka connection lost', fields)
  }

  private peer(fields: LogFields): LogFields {
    return { peer: `${this.remote.host}:${this.remote.port}`, ...fields }
  }
}

/** What a client of another protocol must have sent, judged by its first bytes taken for a size. */
function otherProtocolHint(size: number): string | undefined {
  if (size >>> 16 === 0x1603) return 'the client speaks TLS, and this broker does not (tls.certificate)'
  const text = String.fromCharCode(size >>> 24, (size >>> 16) & 255, (size >>> 8) & 255, size & 255)
  if (text === 'AMQP') return 'the client speaks AMQP'
  return ['GET ', 'POST', 'PUT ', 'HEAD'].includes(text) ? 'the client speaks HTTP' : undefined
}

function callAll(callbacks: readonly (() => void)[]): void {
  for (const callback of callbacks) callback()
}
