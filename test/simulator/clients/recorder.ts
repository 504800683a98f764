import type { History } from '../checkers/history.ts'
import type { Outcome, Span } from '../checkers/span.ts'
import { emptyHistory } from '../checkers/history.ts'
import { emptyMetadataHistory } from '../checkers/metadata/metadata-history.ts'
import type { MetadataHistory } from '../checkers/metadata/metadata-history.ts'

/** Writes down what clients see. All of them share it, so that its count orders everything that happens in the world. */
export class Recorder {
  readonly history: History = emptyHistory()
  /** What brokers and operators of a cluster asked the metadata store. */
  readonly metadata: MetadataHistory = emptyMetadataHistory()
  /** Broker by log, where a bit was turned on one broker while others had everything: it must be mended from them. */
  readonly mendable = new Map<string, number>()
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
