import type { Api } from '@polylog/wire'
import type { FrameMemory } from '../host/frame-memory.ts'
import type { Address } from '../host/network.ts'
import type { Authentication } from './authentication.ts'
import type { Services } from './services.ts'

/** What a request needs of the connection that it came on. */
export interface Client {
  readonly services: Services
  /** The address the client dialled. */
  readonly local: Address
  readonly remote: Address
  /** Who the client has proved to be. */
  readonly authentication: Authentication
  /** The answer of `context` is there: send it when its turn has come. */
  answered(context: RequestContext): void
  /** Calls back once, when the connection is over; returns what takes that back. */
  onClosed(callback: () => void): () => void
  /** Takes no more requests; closes once those taken are answered. `reason` goes to the log. */
  abort(reason: string): void
}

/** Why a parked request is woken. */
export type WakeReason = 'closed' | 'stopping'

/**
 * One request that is being served, and the place that its answer has in the connection's queue. This is the only object
 * the front-end itself makes per request.
 */
export class RequestContext {
  readonly client: Client
  readonly api: Api
  readonly apiVersion: number
  readonly correlationId: number
  readonly clientId: string | null
  /** Size of the request. */
  readonly bytes: number
  /**
   * The memory that byte fields of the request are views on, if it is the request's own: they stay as they are until it
   * is let go, which a handler may do that needs them no more. Undefined if what is to be kept must be copied.
   */
  readonly memory: FrameMemory | undefined
  /** Monotonic clock. */
  readonly receivedAtMs: number

  /** Whether it came, and is answered, as a token of a login without header (SaslHandshake 0). */
  isBare = false
  /** Next in the connection's queue of answers. */
  next: RequestContext | undefined = undefined
  /** Set once the request needs no more work. */
  done = false
  /** Undefined with `done` means that nothing is sent. */
  response: unknown = undefined
  /** Bytes that the response refers to: a lower bound of its size. */
  responseBytes = 0
  /** To be called when the bytes of the response are not needed any more, whether they were sent or not. */
  release: (() => void) | undefined = undefined
  private wake: ((reason: WakeReason) => void) | undefined = undefined
  private cancelled = false

  constructor(
    client: Client,
    api: Api,
    apiVersion: number,
    correlationId: number,
    clientId: string | null,
    bytes: number,
    memory: FrameMemory | undefined,
    receivedAtMs: number,
  ) {
    this.client = client
    this.api = api
    this.apiVersion = apiVersion
    this.correlationId = correlationId
    this.clientId = clientId
    this.bytes = bytes
    this.memory = memory
    this.receivedAtMs = receivedAtMs
  }

  get services(): Services {
    return this.client.services
  }

  /**
   * Answers. `release` is called when the memory that the response refers to, `bytes` in all, has been sent or is not
   * needed after all.
   */
  answer(response: unknown, release?: () => void, bytes = 0): void {
    if (this.done || this.cancelled) {
      release?.()
      return
    }
    this.done = true
    this.response = response
    this.release = release
    this.responseBytes = bytes
    this.wake = undefined
    this.client.answered(this)
  }

  /** Ends the request without an answer, as acks=0 wants. */
  answerNothing(): void {
    this.answer(undefined)
  }

  /** Ends the request and the connection: where the protocol has no other way to tell of an error. */
  abort(reason: string): void {
    this.answer(undefined)
    this.client.abort(reason)
  }

  /**
   * Names what to call if the request should not wait any longer: 'closed' (nobody is there to read the answer; free
   * everything) or 'stopping' (answer now with what there is). At most one call; none after the answer.
   */
  park(wake: (reason: WakeReason) => void): void {
    this.wake = wake
  }

  /** For the connection: the broker wants to stop. */
  hurry(): void {
    const { wake } = this
    this.wake = undefined
    wake?.('stopping')
  }

  /** For the connection: it is closed. */
  cancel(): void {
    const { wake } = this
    this.cancelled = true
    this.wake = undefined
    wake?.('closed')
    this.dropResponse()
  }

  private dropResponse(): void {
    const { release } = this
    this.release = undefined
    this.response = undefined
    release?.()
  }
}
