import { channel } from 'node:diagnostics_channel'
import type { ClientError } from './client-error.ts'

/** What happened to a client's connections. */
export type ClientStatus =
  | { type: 'connecting'; attempt: number }
  | { type: 'connected'; address: string }
  /** A connection that had been made was lost. */
  | { type: 'disconnected'; address: string; error: ClientError }
  /** No broker could be reached; the next attempt follows in `delayMs`. */
  | { type: 'waiting'; error: ClientError; delayMs: number }
  | { type: 'closed' }

/** Events that a slow reader may fall behind; older ones are dropped. */
const behindMax = 256

const statusChannel = channel('polylog:client:status')

/** Gives each event to every iterator that is open, and to the diagnostics channel `polylog:client:status`. */
export class StatusHub {
  readonly #clientId: string
  readonly #readers = new Set<StatusReader>()
  #closed = false

  constructor(clientId: string) {
    this.#clientId = clientId
  }

  publish(status: ClientStatus): void {
    if (this.#closed) return
    if (statusChannel.hasSubscribers) statusChannel.publish({ clientId: this.#clientId, ...status })
    for (const reader of this.#readers) reader.put(status)
  }

  /** Publishes 'closed' and ends every iterator after it. */
  close(): void {
    this.publish({ type: 'closed' })
    this.#closed = true
    for (const reader of this.#readers) reader.end()
    this.#readers.clear()
  }

  /** Events from now on. */
  read(): AsyncIterableIterator<ClientStatus> {
    const reader = new StatusReader(() => this.#readers.delete(reader))
    if (this.#closed) reader.end()
    else this.#readers.add(reader)
    return reader
  }
}

class StatusReader implements AsyncIterableIterator<ClientStatus> {
  readonly #events: ClientStatus[] = []
  readonly #onReturn: () => void
  readonly #waiting: ((result: IteratorResult<ClientStatus>) => void)[] = []
  #ended = false

  constructor(onReturn: () => void) {
    this.#onReturn = onReturn
  }

  put(status: ClientStatus): void {
    const waiting = this.#waiting.shift()
    if (waiting !== undefined) return waiting({ value: status, done: false })
    this.#events.push(status)
    if (this.#events.length > behindMax) this.#events.shift()
  }

  end(): void {
    this.#ended = true
    for (const waiting of this.#waiting.splice(0)) waiting({ value: undefined, done: true })
  }

  next(): Promise<IteratorResult<ClientStatus>> {
    const event = this.#events.shift()
    if (event !== undefined) return Promise.resolve({ value: event, done: false })
    if (this.#ended) return Promise.resolve({ value: undefined, done: true })
    return new Promise((resolve) => this.#waiting.push(resolve))
  }

  return(): Promise<IteratorResult<ClientStatus>> {
    this.#onReturn()
    this.end()
    return Promise.resolve({ value: undefined, done: true })
  }

  [Symbol.asyncIterator](): this {
    return this
  }
}
