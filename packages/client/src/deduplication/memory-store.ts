import type { Environment } from '../environment.ts'
import type { DeduplicationStore, DeduplicationKey } from './deduplication-options.ts'

/** Remembers ids in memory: the newest ones, up to a number. */
export class MemoryStore implements DeduplicationStore {
  readonly #entriesMax: number
  readonly #environment: Environment
  /** When each is forgotten, in the order in which they were marked, which is that of these times. */
  readonly #untilMs = new Map<string, number>()

  constructor(entriesMax: number, environment: Environment) {
    this.#entriesMax = entriesMax
    this.#environment = environment
  }

  get size(): number {
    return this.#untilMs.size
  }

  seen(message: DeduplicationKey): boolean {
    const untilMs = this.#untilMs.get(keyOf(message))
    return untilMs !== undefined && untilMs > this.#environment.monotonicMs()
  }

  mark(message: DeduplicationKey, windowMs: number): void {
    const nowMs = this.#environment.monotonicMs()
    const key = keyOf(message)
    this.#untilMs.delete(key)
    this.#untilMs.set(key, nowMs + windowMs)
    for (const [oldest, untilMs] of this.#untilMs) {
      if (untilMs > nowMs && this.#untilMs.size <= this.#entriesMax) break
      this.#untilMs.delete(oldest)
    }
  }
}

/** A topic's name has no slash. The group is that of the one consumer that has this store. */
function keyOf({ topic, id }: DeduplicationKey): string {
  return `${topic}/${id}`
}
