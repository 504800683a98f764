import type { Clock } from '../../host/clock.ts'
import { HttpClientError } from '../../host/http-client.ts'
import type { HttpClient } from '../../host/http-client.ts'
import type { Logger } from '../../telemetry/logger.ts'
import { MetadataError } from '../metadata-error.ts'
import type { Endpoints } from './endpoints.ts'
import { EtcdFailure, failureOf } from './failure.ts'
import { objectAt, parseObject, textAt } from './json.ts'
import type { JsonObject } from './json.ts'
import type { EtcdStoreLimits } from './limits.ts'
import { Token } from './token.ts'
import type { EtcdCredentials } from './token.ts'

export interface ChannelOptions {
  readonly clock: Clock
  readonly http: HttpClient
  readonly endpoints: Endpoints
  readonly limits: EtcdStoreLimits
  readonly logger: Logger
  readonly credentials: EtcdCredentials | undefined
}

/**
 * - `always`: to do it twice is to do it once.
 * - `fenced`: it takes effect at most once, so it may be sent again, but a refusal then says nothing of the first time.
 * - `never`: it is sent on only while it surely has not reached a member.
 */
export type Retry = 'always' | 'fenced' | 'never'

export interface Call {
  /** Such as `/v3/kv/txn`. */
  readonly path: string
  readonly message: JsonObject
  /** Whether it may be sent again when nobody knows what became of it. */
  readonly retry: Retry
  /** Over all attempts; the limit of all requests by default. */
  readonly timeoutMs?: number
}

export interface Answer {
  readonly message: JsonObject
  /** Whether it was sent before with an unknown outcome, so that what is answered may be the effect of that. */
  readonly repeated: boolean
}

const tokenAttemptsMax = 2

/** Requests to etcd: goes from member to member until one answers or time is up, and says what is known when none does. */
export class Channel {
  readonly #options: ChannelOptions
  readonly #token: Token
  readonly #idle: (() => void)[] = []
  #requestCount = 0
  #requestBytes = 0
  #clusterId: string | undefined
  #failure: string | undefined

  constructor(options: ChannelOptions) {
    this.#options = options
    this.#token = new Token(() => this.#authenticate())
  }

  /** Why the last request failed for want of a member that serves; undefined since one has been served. */
  get failure(): string | undefined {
    return this.#failure
  }

  get token(): Token {
    return this.#token
  }

  /**
   * Rejects with MetadataError: what etcd says, 'overloaded' when too much is under way (nothing done), 'unavailable'
   * when no member serves in time; then the message tells whether the request may have been carried out.
   */
  async call(call: Call): Promise<Answer> {
    const { limits } = this.#options
    const body = JSON.stringify(call.message)
    if (this.#requestCount >= limits.requestCountMax || this.#requestBytes + body.length > limits.requestBytesMax) {
      throw new MetadataError('overloaded', `${this.#requestCount} requests to etcd are under way already`)
    }
    this.#requestCount++
    this.#requestBytes += body.length
    try {
      return await this.#try(call, body, () => this.#token.get())
    } finally {
      this.#requestCount--
      this.#requestBytes -= body.length
      if (this.#requestCount === 0) for (const resolve of this.#idle.splice(0)) resolve()
    }
  }

  /** Resolves when nothing is under way. */
  idle(): Promise<void> {
    if (this.#requestCount === 0) return Promise.resolve()
    return new Promise((resolve) => this.#idle.push(resolve))
  }

  /** Refuses the answers of a member that belongs to another cluster, as happens when addresses are mixed up. */
  checkCluster(answer: JsonObject): void {
    const id = textAt(objectAt(answer, 'header'), 'cluster_id')
    if (id === '') return
    this.#clusterId ??= id
    if (id === this.#clusterId) return
    throw new EtcdFailure('unknown', 'unavailable', `this member belongs to cluster ${id}, not to ${this.#clusterId}`)
  }

  async #try(call: Call, body: string, tokenOf: () => Promise<string>): Promise<Answer> {
    const { clock, endpoints, limits } = this.#options
    const callMs = call.timeoutMs ?? limits.requestTimeoutMs
    const deadlineMs = clock.monotonicMs() + callMs
    // One that hangs must leave time for another.
    const attemptMs = call.retry === 'never' ? callMs : Math.min(limits.attemptTimeoutMs, callMs / 2)
    const tried = new Set<string>()
    let last: EtcdFailure | undefined
    let repeated = false
    let tokenAttempts = 0
    let backoffMs = limits.backoffMsMin
    for (;;) {
      const token = await tokenOf()
      const leftMs = deadlineMs - clock.monotonicMs()
      if (leftMs < 1) throw unserved(call, last, repeated)
      const url = endpoints.pick(tried)
      if (url === undefined) {
        tried.clear()
        await this.#pause(Math.min(backoffMs, leftMs))
        backoffMs = Math.min(backoffMs * 2, limits.backoffMsMax)
        continue
      }
      const outcome = await this.#attempt(url + call.path, body, token, Math.min(attemptMs, leftMs))
      if (!(outcome instanceof EtcdFailure)) {
        endpoints.served(url)
        this.#failure = undefined
        return { message: outcome, repeated }
      }
      last = outcome
      if (outcome.step === 'authenticate' && ++tokenAttempts <= tokenAttemptsMax) {
        await this.#token.expired(token)
        continue
      }
      if (isLast(outcome)) throw lastError(call, outcome, repeated)
      this.#unserved(url, outcome)
      tried.add(url)
      if (outcome.step === 'unknown') {
        repeated = true
        if (call.retry === 'never') throw unserved(call, outcome, true)
      }
    }
  }

  async #attempt(url: string, body: string, token: string, timeoutMs: number): Promise<JsonObject | EtcdFailure> {
    const { http, limits } = this.#options
    const connectTimeoutMs = Math.min(limits.connectTimeoutMs, timeoutMs)
    const request = { method: 'POST' as const, url, headers: headersOf(token), body, connectTimeoutMs, timeoutMs }
    try {
      const answer = await http.request(request, limits.answerBytesMax)
      if (answer.status !== 200) return failureOf(answer.status, answer.body)
      const message = parseObject(answer.body)
      this.checkCluster(message)
      return message
    } catch (error) {
      return failureFrom(error)
    }
  }

  async #authenticate(): Promise<string> {
    const { credentials } = this.#options
    if (credentials === undefined) return ''
    const { user, password } = credentials
    const call = { path: '/v3/auth/authenticate', message: { name: user, password }, retry: 'always' as const }
    try {
      const { message } = await this.#try(call, JSON.stringify(call.message), () => Promise.resolve(''))
      return textAt(message, 'token')
    } catch (error) {
      if (!(error instanceof MetadataError)) throw error
      // A user may be set up before authentication is switched on.
      if (error.message.includes('authentication is not enabled')) return ''
      if (error.kind !== 'invalid') throw error
      throw new MetadataError('invalid', `etcd does not know user ${JSON.stringify(user)} with this password`, {
        cause: error,
      })
    }
  }

  #unserved(url: string, failure: EtcdFailure): void {
    const { endpoints, logger } = this.#options
    endpoints.failed(url)
    if (this.#failure === undefined) logger.warn('etcd member does not serve', { url, error: failure.message })
    this.#failure = `etcd at ${url} does not serve: ${failure.message}`
  }

  #pause(durationMs: number): Promise<void> {
    return new Promise((resolve) => this.#options.clock.startTimer(durationMs, resolve))
  }
}

/** `hasleader` makes a member without a leader say so at once, before it does anything. */
export function headersOf(token: string): Record<string, string> {
  const headers = { 'content-type': 'application/json', 'grpc-metadata-hasleader': 'true' }
  return token === '' ? headers : { ...headers, authorization: token }
}

/** What an exception of an attempt means. */
export function failureFrom(error: unknown): EtcdFailure {
  if (error instanceof EtcdFailure) return error
  if (error instanceof MetadataError) {
    const step = error.kind === 'unavailable' ? 'unknown' : 'unread'
    return new EtcdFailure(step, error.kind, error.message, { cause: error })
  }
  if (!(error instanceof HttpClientError)) throw error
  if (error.kind === 'too-large') return new EtcdFailure('unread', 'too-large', error.message, { cause: error })
  return new EtcdFailure(error.sent ? 'unknown' : 'elsewhere', 'unavailable', error.message, { cause: error })
}

function isLast({ step }: EtcdFailure): boolean {
  return step === 'final' || step === 'unread' || step === 'authenticate'
}

function lastError(call: Call, failure: EtcdFailure, repeated: boolean): MetadataError {
  const isUnknown = failure.step === 'unread' ? call.retry !== 'always' : call.retry === 'fenced' && repeated
  return isUnknown
    ? unserved(call, failure, true)
    : new MetadataError(failure.kind, failure.message, { cause: failure })
}

function unserved(call: Call, last: EtcdFailure | undefined, maybeDone: boolean): MetadataError {
  const why = last?.message ?? 'time was up before it could be sent'
  if (call.retry === 'always') return new MetadataError('unavailable', `etcd did not serve ${call.path}: ${why}`)
  if (maybeDone) return outcomeUnknown(`etcd did not serve ${call.path}: ${why}`, last)
  const kind = last?.kind === 'overloaded' ? 'overloaded' : 'unavailable'
  return new MetadataError(kind, `etcd did not serve ${call.path}: ${why}; nothing was done`, { cause: last })
}

export function outcomeUnknown(what: string, cause?: unknown): MetadataError {
  return new MetadataError('unavailable', `${what}; whether the write was made is not known`, { cause })
}
