import { headerNames } from '../header-names.ts'
import { expectNumber } from '../option-checks.ts'
import type { ReceivedRecord, RecordHeader } from '../records/record.ts'
import type { Delivery } from './delivery.ts'
import type { LossSignal } from './loss-signal.ts'

/** What a message asks of its consumer. */
export interface MessageOwner {
  accept(delivery: Delivery): Promise<void>
  retry(delivery: Delivery, delayMs: number | undefined): Promise<void>
  reject(delivery: Delivery, reason: string): Promise<void>
  renew(delivery: Delivery): Promise<void>
}

/** A message that was received, of a queue or of a consumer group. */
export class ReceivedMessage<T> {
  readonly topic: string
  readonly partition: number
  readonly offset: number
  /** Milliseconds since 1970. */
  readonly timestampMs: number
  readonly key: Buffer | null
  readonly value: T
  readonly headers: readonly RecordHeader[]

  constructor(record: ReceivedRecord, value: T) {
    this.topic = record.topic
    this.partition = record.partition
    this.offset = record.offset
    this.timestampMs = record.timestampMs
    this.key = record.key
    this.value = value
    this.headers = record.headers
  }

  /** The header `polylog-id`; undefined if another kind of producer sent it. */
  get id(): string | undefined {
    return this.header(headerNames.id)
  }

  get tags(): readonly string[] {
    return tagsOf(this.headers)
  }

  /** Text of the last header of this name. */
  header(name: string): string | undefined {
    return headerOf(this.headers, name)
  }
}

/**
 * A message that the group has lent to this consumer. Its lock is renewed until it is settled: accepted, retried or rejected,
 * once. A push handler need not do it: returning accepts, throwing retries.
 */
export class QueueMessage<T> extends ReceivedMessage<T> {
  /** 1 for the first delivery. */
  readonly deliveryCount: number
  readonly #delivery: Delivery
  readonly #owner: MessageOwner
  readonly #loss: LossSignal
  #settled = false

  constructor(delivery: Delivery, value: T, owner: MessageOwner, loss: LossSignal) {
    super(delivery.record, value)
    this.deliveryCount = delivery.deliveryCount
    this.#delivery = delivery
    this.#owner = owner
    this.#loss = loss
  }

  /** Aborted when the message is no longer this consumer's, or when closing gives up waiting for the handler. */
  get signal(): AbortSignal {
    return this.#loss.signal
  }

  get settled(): boolean {
    return this.#settled
  }

  /** It is done. Resolves when the broker knows. Settling twice does nothing. @throws ClientError 'lock-lost' */
  accept(): Promise<void> {
    return this.#settle() ? this.#owner.accept(this.#delivery) : Promise.resolve()
  }

  /**
   * Deliver it again, to whoever comes, after `delayMs` (default: what the consumer's `retry` option says). It counts towards
   * the limit of deliveries. @throws ClientError 'lock-lost'; 'invalid-options' unless the delay is 0 to 2^31 - 1
   */
  async retry({ delayMs }: { delayMs?: number } = {}): Promise<void> {
    expectNumber('"delayMs" of retry()', delayMs, 'time')
    if (this.#settle()) await this.#owner.retry(this.#delivery, delayMs === undefined ? undefined : Math.ceil(delayMs))
  }

  /** Never deliver it to this group again; it goes to the dead-letter topic if there is one. @throws ClientError 'lock-lost' */
  async reject(reason = 'rejected'): Promise<void> {
    if (this.#settle()) await this.#owner.reject(this.#delivery, reason)
  }

  /** Makes the lock begin anew. It happens by itself while the message is held. @throws ClientError 'lock-lost' */
  async renew(): Promise<void> {
    if (!this.#settled) await this.#owner.renew(this.#delivery)
  }

  #settle(): boolean {
    if (this.#settled) return false
    this.#settled = true
    return true
  }
}

export function headerOf(headers: readonly RecordHeader[], name: string): string | undefined {
  for (let i = headers.length - 1; i >= 0; i--) {
    const header = headers[i]!
    if (header.key === name) return header.value?.toString()
  }
  return undefined
}

export function tagsOf(headers: readonly RecordHeader[]): string[] {
  const text = headerOf(headers, headerNames.tags)
  return text === undefined || text === '' ? [] : text.split(',')
}

/** Whether nobody wants the message any more, by its own `ttlMs`. */
export function isExpired({ headers, timestampMs }: ReceivedRecord, nowMs: number): boolean {
  const ttl = headerOf(headers, headerNames.ttlMs)
  if (ttl === undefined || !/^\d{1,15}$/.test(ttl)) return false
  return timestampMs + Number(ttl) <= nowMs
}
