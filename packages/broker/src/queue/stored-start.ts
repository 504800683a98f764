import type { ErrorCode } from '../errors/errors.ts'

interface Waiter {
  readonly offset: number
  readonly done: (fault: ErrorCode | undefined) => void
}

/**
 * Where a queue begins as the store knows it. The log may have moved the start on: that is true for this leader only, until it
 * is written. A successor whose log still has what was before it would lend that again.
 */
export class StoredStart {
  #stored: number
  /** As the last write has told, or is telling. */
  #told: number
  #waiters: Waiter[] = []
  #end: ErrorCode | undefined

  constructor(stored: number) {
    this.#stored = stored
    this.#told = stored
  }

  /** Whether no write has told of this start. */
  isNews(startOffset: number): boolean {
    return startOffset > this.#told
  }

  /** Whether everything before `offset` is settled for whoever reads the store. */
  covers(offset: number): boolean {
    return offset <= this.#stored
  }

  /** Whether nothing that was told is still to be written. */
  get isAtRest(): boolean {
    return this.#told <= this.#stored
  }

  /** A write begins. */
  tell(startOffset: number): void {
    this.#told = startOffset
  }

  /** What was told last is written. */
  written(): void {
    this.#stored = this.#told
    this.#settle(this.#stored, undefined)
  }

  /** What was told last is not written, as far as is known. Whoever waits for more is told by the next write. */
  failed(fault: ErrorCode): void {
    this.#settle(this.#told, fault)
  }

  /** Makes news of what could not be written. Not to be called during a write. */
  retry(): void {
    this.#told = this.#stored
  }

  /** Calls `done` once a start at or behind `offset` is stored, or with the reason why it is not. */
  whenStored(offset: number, done: Waiter['done']): void {
    if (this.covers(offset)) done(undefined)
    else if (this.#end !== undefined) done(this.#end)
    else this.#waiters.push({ offset, done })
  }

  /** Nobody writes any more. */
  end(fault: ErrorCode): void {
    this.#end = fault
    this.#settle(Number.POSITIVE_INFINITY, fault)
  }

  #settle(offsetMax: number, fault: ErrorCode | undefined): void {
    const due = this.#waiters.filter(({ offset }) => offset <= offsetMax)
    this.#waiters = this.#waiters.filter(({ offset }) => offset > offsetMax)
    for (const { done } of due) done(fault)
  }
}
