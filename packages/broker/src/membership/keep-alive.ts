import { MetadataError } from '../cluster/metadata-error.ts'
import { controllerKey } from '../image/keys.ts'
import type { LeaseId, MetadataStore } from '../cluster/metadata-store.ts'
import type { Clock, Timer } from '../host/clock.ts'
import type { Logger } from '../telemetry/logger.ts'

export interface KeepAliveParts {
  readonly store: MetadataStore
  readonly clock: Clock
  readonly logger: Logger
  readonly lease: LeaseId
  /** Time to live as granted. */
  readonly ttlMs: number
  /** How long the oldest sync has been waiting for the disk; 0 if none does. */
  readonly diskWaitMs: () => number
  readonly diskWaitMsMax: number
  /** Called once, when the store says that the lease is gone. */
  readonly lost: () => void
}

/** Beats in one time to live, so that two of them may be lost. */
const beatsPerLife = 3
/** Read to find out whether the store answers. */
const probeKey = controllerKey

/**
 * Keeps a lease alive as long as the disk makes progress: a broker that cannot store anything must be replaced, however
 * well its network works (LavinMQ #2151). A store that does not answer is asked again; it alone decides that a lease is
 * over.
 */
export class KeepAlive {
  readonly #parts: KeepAliveParts
  readonly #intervalMs: number
  #timer: Timer
  /** What was last said in the log, so that a long outage is one line. */
  #trouble: 'disk' | 'store' | undefined
  #heardMs: number
  #ended = false

  constructor(parts: KeepAliveParts) {
    this.#parts = parts
    this.#heardMs = parts.clock.monotonicMs()
    this.#intervalMs = parts.ttlMs / beatsPerLife
    this.#timer = this.#next()
  }

  stop(): void {
    this.#ended = true
    this.#timer.cancel()
  }

  #next(): Timer {
    return this.#parts.clock.startTimer(this.#intervalMs, () => {
      this.#timer = this.#next()
      this.#send()
    })
  }

  #send(): void {
    const { store, lease, diskWaitMs, diskWaitMsMax } = this.#parts
    const waitMs = diskWaitMs()
    if (waitMs > diskWaitMsMax) {
      this.#note('disk', `a sync has been waiting for ${Math.round(waitMs)} ms; the lease is left to run out`)
      return
    }
    // Sent whether or not the last one was answered: a connection may have died without a word. The store bounds each call.
    const isProbe = this.#isUnheard
    const beat = isProbe ? store.get(probeKey) : store.keepAlive(lease)
    beat.then(
      () => {
        this.#answered(undefined)
        // There may be little left of the lease.
        if (isProbe && !this.#ended) this.#send()
      },
      (error: unknown) => this.#answered(error),
    )
  }

  /**
   * Nothing has been heard from the store for a whole life of the lease. It may hear us all the same, and then would keep a
   * broker in office that cannot learn of anything: until an answer comes, the lease is not asked for.
   */
  get #isUnheard(): boolean {
    return this.#parts.clock.monotonicMs() - this.#heardMs > this.#parts.ttlMs
  }

  #answered(error: unknown): void {
    if (this.#ended) return
    if (!(error instanceof MetadataError) || error.kind === 'lease-not-found')
      this.#heardMs = this.#parts.clock.monotonicMs()
    if (error instanceof MetadataError && error.kind === 'lease-not-found') {
      this.stop()
      this.#parts.lost()
    } else if (error !== undefined) this.#note('store', error instanceof Error ? error.message : 'no reason given')
    else if (this.#trouble !== undefined) {
      this.#trouble = undefined
      this.#parts.logger.info('the registration is kept alive again')
    }
  }

  #note(trouble: 'disk' | 'store', reason: string): void {
    if (this.#trouble === trouble) return
    this.#trouble = trouble
    this.#parts.logger.warn('the registration cannot be kept alive', { reason })
  }
}
