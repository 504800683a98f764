import { MetadataError } from '../cluster/metadata-error.ts'
import type { MetadataStore, Watch, WatchEvent, WatchOutcome } from '../cluster/metadata-store.ts'
import type { Clock, Timer } from '../host/clock.ts'
import type { Logger } from '../telemetry/logger.ts'
import { ClusterImage } from './cluster-image.ts'
import type { ImageChange } from './cluster-image.ts'

/** Called after the image has changed. Must not throw, and must not change the store before it returns. */
export type ImageListener = (change: ImageChange) => void

interface Waiter {
  revision: number
  resolve: () => void
  reject: (error: Error) => void
}

const retryMsMin = 100
const retryMsMax = 2000

/**
 * Keeps a `ClusterImage` up to date: reads everything, then follows the watch. A watch that was compacted away or failed is
 * followed by another look at everything, and the difference is applied as one change.
 */
export class ImageFeed {
  readonly image: ClusterImage
  readonly #store: Pick<MetadataStore, 'range' | 'watch'>
  readonly #clock: Clock
  readonly #logger: Logger
  readonly #listeners = new Set<ImageListener>()
  #keys = new Map<string, number>()
  #waiters: Waiter[] = []
  #watch: Watch | undefined
  #timer: Timer | undefined
  #closed = false

  constructor(parts: { store: Pick<MetadataStore, 'range' | 'watch'>; clock: Clock; logger: Logger }) {
    this.#store = parts.store
    this.#clock = parts.clock
    this.#logger = parts.logger
    this.image = new ClusterImage(({ key, reason, isAcl }) => {
      if (!isAcl) return parts.logger.error('metadata that cannot be read is left out', { key, reason })
      const hint = 'polylog acl list shows it as a denial for everybody, polylog acl remove takes it away'
      parts.logger.error('an access rule cannot be read: only super users may use what its key names', {
        key,
        reason,
        hint,
      })
    })
  }

  /** Reads the store and begins to follow it. @throws MetadataError */
  async start(): Promise<void> {
    await this.#look()
  }

  /** Calls `listener` after every change from now on, in the order of registration. */
  onChange(listener: ImageListener): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /**
   * Resolves once the image shows the store at `revision` or later: reads what one has just written.
   * @param revision of one's own successful write. Any other one may belong to a change of somebody else who shares the
   * store, of which no watch tells here: wait with `reachedOrLate`
   */
  reached(revision: number): Promise<void> {
    if (this.#closed) return Promise.reject(new MetadataError('closed', 'the broker is stopping'))
    if (this.image.revision >= revision) return Promise.resolve()
    return new Promise((resolve, reject) => this.#waiters.push({ revision, resolve, reject }))
  }

  /** As `reached`, for a revision that the image may never show: resolves after `timeoutMs` at the latest. */
  reachedOrLate(revision: number, timeoutMs: number): Promise<void> {
    return new Promise((resolve, reject) => {
      const timer = this.#clock.startTimer(timeoutMs, resolve)
      this.reached(revision).then(
        () => {
          timer.cancel()
          resolve()
        },
        (error: unknown) => {
          timer.cancel()
          reject(error)
        },
      )
    })
  }

  close(): void {
    this.#closed = true
    this.#watch?.cancel()
    this.#timer?.cancel()
    for (const { reject } of this.#waiters.splice(0)) reject(new MetadataError('closed', 'the broker is stopping'))
  }

  async #look(): Promise<void> {
    const { keyValues, revision } = await this.#store.range('')
    if (this.#closed) return
    const present = new Map(keyValues.map((keyValue) => [keyValue.key, keyValue.modRevision]))
    const events: WatchEvent[] = []
    for (const key of this.#keys.keys())
      if (!present.has(key)) events.push({ kind: 'delete', key, modRevision: revision })
    for (const keyValue of keyValues) {
      if (this.#keys.get(keyValue.key) !== keyValue.modRevision) events.push({ kind: 'put', keyValue })
    }
    this.#keys = present
    this.#apply(revision, events)
    this.#watch = this.#store.watch('', revision + 1, (outcome) => this.#told(outcome))
  }

  #told(outcome: WatchOutcome): void {
    if (this.#closed) return
    if (outcome.kind === 'changes') {
      // A store may tell a thing twice after a lost connection (reliability.md §6, 29); the image never goes back.
      if (outcome.revision <= this.image.revision) return
      for (const event of outcome.events) {
        if (event.kind === 'put') this.#keys.set(event.keyValue.key, event.keyValue.modRevision)
        else this.#keys.delete(event.key)
      }
      this.#apply(outcome.revision, outcome.events)
      return
    }
    const reason = outcome.kind === 'failed' ? outcome.error.message : `compacted up to ${outcome.compactRevision}`
    this.#logger.warn('metadata is read anew', { reason })
    this.#retry(0)
  }

  #retry(delayMs: number): void {
    this.#timer = this.#clock.startTimer(delayMs, () => {
      this.#look().catch((error: unknown) => {
        if (this.#closed) return
        this.#logger.warn('metadata cannot be read', { error: String(error) })
        this.#retry(Math.min(retryMsMax, Math.max(retryMsMin, delayMs * 2)))
      })
    })
  }

  #apply(revision: number, events: readonly WatchEvent[]): void {
    const change = this.image.apply(revision, events)
    for (const listener of this.#listeners) listener(change)
    const due = this.#waiters.filter((waiter) => waiter.revision <= revision)
    if (due.length === 0) return
    this.#waiters = this.#waiters.filter((waiter) => waiter.revision > revision)
    for (const { resolve } of due) resolve()
  }
}
