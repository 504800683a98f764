import { MetadataError } from '../cluster/metadata-error.ts'
import type { LeaseId, MetadataStore, TransactionResult } from '../cluster/metadata-store.ts'
import type { Clock, Timer } from '../host/clock.ts'
import type { ImageFeed } from '../image/image-feed.ts'
import { brokerKey, controllerKey } from '../image/keys.ts'
import type { Controller, ControllerRecord } from '../image/records.ts'
import type { Logger } from '../telemetry/logger.ts'
import { brokerFence } from './partition-writes.ts'

export interface ControllerElectionParts {
  readonly store: MetadataStore
  readonly feed: ImageFeed
  readonly clock: Clock
  readonly logger: Logger
  /** The lease that this broker's registration stands under. */
  readonly lease: LeaseId
  readonly brokerId: number
  /** Create revision of the registration. */
  readonly brokerEpoch: number
}

/** Longest wait for the image to show what an attempt has met. */
const imageWaitMsMax = 1000
const retryMsMin = 100
const retryMsMax = 2000

/**
 * This broker as a candidate for the one controller. It puts `/controller` under its lease when nobody has it, and counts
 * as elected while its image of the store shows that key as its own. Two may believe so for a moment: every write of a
 * controller compares `epoch`, so that only one of them has effect.
 */
export class ControllerElection {
  readonly #parts: ControllerElectionParts
  readonly #listeners = new Set<() => void>()
  #epoch: number | undefined
  #isCandidate = false
  #campaigning: Promise<void> | undefined
  #retryMs = retryMsMin
  #timer: Timer | undefined
  #unsubscribe: (() => void) | undefined

  constructor(parts: ControllerElectionParts) {
    this.#parts = parts
  }

  /** Create revision of `/controller` while this broker is elected; undefined otherwise. */
  get epoch(): number | undefined {
    return this.#epoch
  }

  /** Calls `listener` whenever `epoch` has changed. It must not throw. */
  onChange(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /** Becomes a candidate. The image must have been read. */
  start(): void {
    this.#isCandidate = true
    this.#unsubscribe = this.#parts.feed.onChange(({ controller, brokers }) => {
      if (!controller && brokers.size === 0) return
      // The store answers others, so there is no reason to wait longer for it.
      this.#timer?.cancel()
      this.#timer = undefined
      this.#look()
    })
    this.#look()
  }

  /** Is no candidate any more, without telling the store: for a broker whose registration is gone. */
  stop(): void {
    this.#isCandidate = false
    this.#unsubscribe?.()
    this.#timer?.cancel()
    this.#setEpoch(undefined)
  }

  /** Stops, and lets another one be elected at once. If the store cannot be told, the end of the lease will. */
  async resign(): Promise<void> {
    const { store, logger } = this.#parts
    const mayHold = this.#epoch !== undefined || this.#campaigning !== undefined
    this.stop()
    // A candidacy under way may still be stored; nobody would act for a key that it leaves behind.
    await this.#campaigning
    if (!mayHold) return
    try {
      await store.transaction({
        compare: [{ key: controllerKey, target: 'value', operator: '=', value: this.#value }],
        then: [{ kind: 'delete', key: controllerKey }],
      })
    } catch (error) {
      if (!(error instanceof MetadataError)) throw error
      logger.warn('the end of control could not be stored', { error: error.message })
    }
  }

  /** What this broker, under this registration, puts as the controller. */
  get #value(): string {
    const { brokerId, brokerEpoch } = this.#parts
    const record: ControllerRecord = { brokerId, brokerEpoch }
    return JSON.stringify(record)
  }

  #look(): void {
    const { feed, brokerId, brokerEpoch } = this.#parts
    const { controller } = feed.image
    const isOurs = controller?.brokerId === brokerId && controller.brokerEpoch === brokerEpoch
    this.#setEpoch(isOurs ? controller.epoch : undefined)
    if (controller !== undefined && !this.#isDefunct(controller)) return
    if (this.#timer !== undefined || this.#campaigning !== undefined || !this.#isCandidate) return
    this.#campaigning = this.#campaign()
      .catch((error: unknown) => {
        this.#parts.logger.error('the election of a controller failed', { error: String(error) })
        return undefined
      })
      .then((delayMs) => {
        this.#campaigning = undefined
        if (delayMs !== undefined) this.#lookIn(delayMs)
      })
  }

  /** Whether the one elected is registered no more: its key may outlive it, for it ends with the lease only. */
  #isDefunct({ brokerId, brokerEpoch }: Controller): boolean {
    return this.#parts.feed.image.brokers.get(brokerId)?.epoch !== brokerEpoch
  }

  /** Returns after how many ms to look again; undefined if there is no sense in it. */
  async #campaign(): Promise<number | undefined> {
    // Who listens to the image must not write before it returns.
    await Promise.resolve()
    try {
      const result = await this.#attempt()
      // What the answer speaks of may reach the image later; until then another attempt would say the same.
      if (result !== undefined) await this.#parts.feed.reachedOrLate(result.revision, imageWaitMsMax)
      return result?.succeeded === true ? 0 : this.#retryMs
    } catch (error) {
      if (!(error instanceof MetadataError)) throw error
      this.#parts.logger.warn('cannot stand for controller', { error: error.message })
      // Without its lease this broker is registered no more, and closed is closed: neither will change by trying.
      return error.kind === 'lease-not-found' || error.kind === 'closed' ? undefined : this.#retryMs
    }
  }

  #lookIn(delayMs: number): void {
    if (!this.#isCandidate) return
    const { controller } = this.#parts.feed.image
    if (controller !== undefined && !this.#isDefunct(controller)) {
      this.#retryMs = retryMsMin
      return
    }
    if (delayMs > 0) this.#retryMs = Math.min(retryMsMax, this.#retryMs * 2)
    this.#timer = this.#parts.clock.startTimer(delayMs, () => {
      this.#timer = undefined
      this.#look()
    })
  }

  /** Puts the key if nobody has it, or removes one that nobody stands behind; undefined if somebody has been elected. */
  async #attempt(): Promise<TransactionResult | undefined> {
    const { store, feed, lease, brokerId, brokerEpoch } = this.#parts
    const { controller, brokers } = feed.image
    if (controller !== undefined && !this.#isDefunct(controller)) return undefined
    return store.transaction(
      controller === undefined
        ? {
            compare: [
              { key: controllerKey, target: 'createRevision', operator: '=', value: 0 },
              brokerFence(brokerId, brokerEpoch),
            ],
            then: [{ kind: 'put', key: controllerKey, value: this.#value, lease }],
          }
        : {
            compare: [
              { key: controllerKey, target: 'createRevision', operator: '=', value: controller.epoch },
              {
                key: brokerKey(controller.brokerId),
                target: 'createRevision',
                operator: '=',
                value: brokers.get(controller.brokerId)?.epoch ?? 0,
              },
            ],
            then: [{ kind: 'delete', key: controllerKey }],
          },
    )
  }

  #setEpoch(epoch: number | undefined): void {
    if (epoch === this.#epoch) return
    this.#epoch = epoch
    if (epoch === undefined) this.#parts.logger.info('this broker controls no longer')
    else this.#parts.logger.info('this broker controls the cluster', { epoch })
    for (const listener of this.#listeners) listener()
  }
}
