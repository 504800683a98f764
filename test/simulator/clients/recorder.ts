import type { History, Outcome, Span } from '../checkers/history.ts'
import { emptyHistory } from '../checkers/history.ts'

/** Writes down what clients see. All of them share it, so that its count orders everything that happens in the world. */
export class Recorder {
  readonly history: History = emptyHistory()
  #count = 0
  /** Operations that were answered with success, of any kind. */
  acknowledgedCount = 0

  tick(): number {
    this.#count += 1
    return this.#count
  }

  /** Begins an operation that is 'unknown' until `end`. */
  begin(): Span & { outcome: Outcome } {
    return { begin: this.tick(), end: Infinity, outcome: 'unknown' }
  }

  end(operation: Span & { outcome: Outcome }, outcome: Outcome): void {
    operation.end = outcome === 'unknown' ? Infinity : this.tick()
    operation.outcome = outcome
    if (outcome === 'ok') this.acknowledgedCount += 1
  }
}
