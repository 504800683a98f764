import type { ErrorCode } from '../errors/errors.ts'

/** Why a message is given up: `delivery-limit`, `rejected`, `expired`, or what the member says that rejects it. */
export type DeadReason = string

/** What several changes of one request wait for together. */
export class PendingAcknowledgement {
  #openCount = 0
  #fault: ErrorCode | undefined
  readonly #done: (fault: ErrorCode | undefined) => void

  constructor(done: (fault: ErrorCode | undefined) => void) {
    this.#done = done
  }

  add(): void {
    this.#openCount++
  }

  /** One of the changes is written, or has failed. */
  settle(fault: ErrorCode | undefined): void {
    this.#fault ??= fault
    if (--this.#openCount === 0) this.#done(this.#fault)
  }
}

/** A range on its way to another state, which counts once it is written. */
export interface Change {
  readonly first: number
  readonly last: number
  readonly to: 'accepted' | 'archived' | 'released'
  /** As written, where it is released. */
  readonly deliveryCount: number
  /** Pause before a released one is ready again. */
  readonly retryDelayMs: number
  /** Set for an archived one that shall be found among the dead letters. */
  readonly deadReason: DeadReason | undefined
  /**
   * If it cannot be written: `back` to what it was, the lock running on; or `anyway`, where nobody holds it any more. A crash
   * then shows an older delivery count, no more.
   */
  readonly onFailure: 'back' | 'anyway'
  readonly acknowledgement: PendingAcknowledgement | undefined
}

/** Changes that are written as one record. */
export interface ChangeBatch {
  readonly changes: readonly Change[]
}
