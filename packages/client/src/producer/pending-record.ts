import type { ClientError } from '../client-error.ts'
import type { OutgoingRecord } from '../records/record.ts'

/** Who is told what became of a record. One may wait for many records: `index` counts those of one `push`. */
export interface RecordWaiter {
  /** Offset -1: it was stored by an earlier attempt, and the broker no longer knows where. */
  stored(index: number, partition: number, offset: number): void
  failed(index: number, error: ClientError): void
}

/** A record on its way. What becomes of it is told once; what is said of it later does not count. */
export class PendingRecord {
  readonly topic: string
  readonly record: OutgoingRecord
  readonly size: number
  readonly #waiter: RecordWaiter
  readonly #index: number
  #deadlineMs = Number.POSITIVE_INFINITY
  #onSettled: ((size: number) => void) | undefined
  #settled = false

  constructor(topic: string, record: OutgoingRecord, size: number, waiter: RecordWaiter, index: number) {
    this.topic = topic
    this.record = record
    this.size = size
    this.#waiter = waiter
    this.#index = index
  }

  /** When it is too late to send it, on the monotonic clock; never, as long as it has to wait for room. */
  get deadlineMs(): number {
    return this.#deadlineMs
  }

  /** There is room for it. @param onSettled told, before the waiter, that there is room for so many bytes again */
  admit(deadlineMs: number, onSettled: (size: number) => void): void {
    this.#deadlineMs = deadlineMs
    this.#onSettled = onSettled
  }

  confirm(partition: number, offset: number): void {
    if (this.#settle()) this.#waiter.stored(this.#index, partition, offset)
  }

  fail(error: ClientError): void {
    if (this.#settle()) this.#waiter.failed(this.#index, error)
  }

  #settle(): boolean {
    if (this.#settled) return false
    this.#settled = true
    this.#onSettled?.(this.size)
    return true
  }
}
