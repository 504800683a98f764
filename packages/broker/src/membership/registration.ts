import { MetadataError } from '../cluster/metadata-error.ts'
import type { Lease, LeaseId, MetadataStore } from '../cluster/metadata-store.ts'
import { BrokerError } from '../errors/errors.ts'
import type { Clock, Timer } from '../host/clock.ts'
import type { Random } from '../host/random.ts'
import type { ImageChange } from '../image/cluster-image.ts'
import type { ImageFeed } from '../image/image-feed.ts'
import { brokerKey } from '../image/keys.ts'
import type { BrokerRecord } from '../image/records.ts'
import type { Logger } from '../telemetry/logger.ts'
import { BrokerIdInUse, claimBrokerId } from './claim.ts'
import type { Claim, Registered } from './claim.ts'
import { hasToHandOver } from './hand-over.ts'
import { KeepAlive } from './keep-alive.ts'

export interface RegistrationOptions {
  readonly store: MetadataStore
  /** Started. */
  readonly feed: ImageFeed
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  readonly brokerId: number
  readonly directoryId: string
  /** Where clients and other brokers reach this one. */
  readonly address: Pick<BrokerRecord, 'host' | 'port' | 'rack' | 'version'>
  /** Data in memory only. */
  readonly isVolatile: boolean
  /** Whether everything that was ever acknowledged here is still here, as far as this start can tell. */
  readonly isIntact: boolean
  /** Time to live of the lease. */
  readonly sessionTimeoutMs: number
  /** How long the first registration is tried when the store cannot be reached; 0: once. */
  readonly startTimeoutMs: number
  /** How long the oldest sync has been waiting for the disk; 0 if none does. */
  readonly diskWaitMs: () => number
}

/** Called with each new broker epoch, the first included, before anybody waits for it. Must not throw. */
export type EpochListener = (epoch: number) => void

const backOffMsMin = 100
const backOffMsMax = 2000

/**
 * This broker in the metadata store: a key under a lease, whose create revision is the broker epoch. Once registered it
 * stays so until `leave`: whoever takes the registration away, by a lease that ran out or by removing the key, is
 * answered with a new one under a new epoch, as after a restart. In between the broker goes on with what it has, which
 * is safe: nothing that it could decide counts without its key (docs/adr/0007-cluster.md).
 */
export class Registration {
  readonly #options: RegistrationOptions
  readonly #listeners = new Set<EpochListener>()
  readonly #forgetFeed: () => void
  #state: 'new' | 'registering' | 'registered' | 'leaving' | 'ended' = 'new'
  #lease: Lease | undefined
  #registered: Registered | undefined
  #keepAlive: KeepAlive | undefined
  #working: Promise<void> = Promise.resolve()
  #pause: { timer: Timer; end: () => void } | undefined
  #handedOver: (() => void) | undefined
  #fault: string | undefined

  constructor(options: RegistrationOptions) {
    this.#options = options
    this.#forgetFeed = options.feed.onChange((change) => this.#look(change))
  }

  /** Broker epoch of the present or, between two, of the last registration; 0 before the first. */
  get epoch(): number {
    return this.#registered?.epoch ?? 0
  }

  /** The lease that the registration stands under; what this broker holds beside it belongs there too. */
  get lease(): LeaseId | undefined {
    return this.#state === 'registered' || this.#state === 'leaving' ? this.#lease?.id : undefined
  }

  /** Why this broker is not registered, as a sentence; undefined if it is. */
  get fault(): string | undefined {
    return this.#state === 'registering' ? (this.#fault ?? 'not registered in the metadata store yet') : undefined
  }

  /** @returns a function that removes the listener */
  onEpoch(listener: EpochListener): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  /**
   * Registers for the first time; resolves with the broker epoch once the image shows this broker.
   * @throws BrokerError 'invalid-config' if the id belongs to another broker or data directory, MetadataError
   */
  async register(): Promise<number> {
    const { clock, feed, startTimeoutMs, isVolatile, sessionTimeoutMs } = this.#options
    this.#state = 'registering'
    // What a volatile broker left cannot be told from one that lives; its lease decides.
    const timeoutMs = isVolatile ? Math.max(startTimeoutMs, 2 * sessionTimeoutMs) : startTimeoutMs
    const deadlineMs = clock.monotonicMs() + timeoutMs
    await this.#work((error) => isPassing(error, isVolatile) && clock.monotonicMs() < deadlineMs)
    await feed.reached(this.epoch)
    return this.epoch
  }

  /**
   * First part of a controlled shutdown: asks that others lead what this broker leads and do not wait for what it follows,
   * and waits up to `timeoutMs` until that is so. Never fails.
   */
  async handOver(timeoutMs: number): Promise<void> {
    if (this.#state !== 'registered') return
    this.#state = 'leaving'
    await this.#within(timeoutMs, this.#askToMove())
  }

  /**
   * Gives the registration back, after handing over if that was not done. Never fails and takes no longer than `timeoutMs`
   * each; what is left undone is done by the end of the lease.
   */
  async leave(timeoutMs: number): Promise<void> {
    await this.handOver(timeoutMs)
    this.close()
    const { store, logger } = this.#options
    const revoked = this.#working.then(() => this.#lease && store.revokeLease(this.#lease.id))
    const settled = revoked.catch((error: unknown) => {
      if (error instanceof MetadataError && error.kind === 'lease-not-found') return
      logger.warn('the registration is left to run out', { error: String(error) })
    })
    await this.#within(timeoutMs, settled)
  }

  /** Ends all activity at once; the registration stays until its lease has run out. */
  close(): void {
    this.#state = 'ended'
    this.#keepAlive?.stop()
    this.#forgetFeed()
    this.#wake()
    this.#handedOver?.()
  }

  /** Tries to register until it succeeds or fails for good. */
  #work(mayRetry: (error: unknown) => boolean): Promise<void> {
    const work = this.#register(mayRetry)
    this.#working = work.catch(() => undefined)
    return work
  }

  async #register(mayRetry: (error: unknown) => boolean): Promise<void> {
    for (let backOffMs = backOffMsMin; ; backOffMs = Math.min(2 * backOffMs, backOffMsMax)) {
      this.#checkOpen()
      try {
        if (!this.#isDiskStalled()) {
          await this.#claim()
          return
        }
        this.#fault = 'the disk makes no progress'
      } catch (error) {
        if (error instanceof MetadataError && error.kind === 'lease-not-found') this.#lease = undefined
        this.#checkOpen()
        if (!mayRetry(error)) throw error
        this.#noteFault(error)
      }
      await this.#sleep(backOffMs * (0.5 + this.#options.random.next() / 2))
    }
  }

  async #claim(): Promise<void> {
    const { store } = this.#options
    const lease = { id: this.#lease?.id, take: () => this.#takeLease() }
    const registered = await claimBrokerId(store, this.#claimOf(), lease)
    this.#registered = registered
    this.#checkOpen()
    this.#state = 'registered'
    this.#fault = undefined
    this.#startKeepAlive()
    const { brokerId, logger } = this.#options
    logger.info('registered', { broker: brokerId, epoch: registered.epoch })
    for (const listener of this.#listeners) listener(registered.epoch)
    // The key may have gone again before the answer came.
    this.#checkImage()
  }

  #claimOf(): Claim {
    const { brokerId, directoryId, isVolatile, address, isIntact } = this.#options
    const before = this.#registered?.record.intactSince
    // As long as the process lives it has what it had, also in memory.
    const intactSince = before ?? (isVolatile || !isIntact ? 'anew' : 'kept')
    return { brokerId, directoryId, isVolatile, address, intactSince }
  }

  async #takeLease(): Promise<LeaseId> {
    this.#lease ??= await this.#options.store.grantLease(this.#options.sessionTimeoutMs)
    return this.#lease.id
  }

  #startKeepAlive(): void {
    const { store, clock, logger, diskWaitMs, sessionTimeoutMs } = this.#options
    const { id: lease, ttlMs } = this.#lease!
    const lost = (): void => this.#lost('its lease has run out')
    const parts = { store, clock, logger, lease, ttlMs, diskWaitMs, diskWaitMsMax: sessionTimeoutMs, lost }
    this.#keepAlive = new KeepAlive(parts)
  }

  #look(change: ImageChange): void {
    if (change.brokers.has(this.#options.brokerId)) this.#checkImage()
    const { feed, brokerId } = this.#options
    if (this.#handedOver && !hasToHandOver(feed.image, brokerId)) this.#handedOver()
  }

  /** Notices that the key is gone, or another one is in its place. */
  #checkImage(): void {
    const { image } = this.#options.feed
    if (this.epoch === 0 || image.revision < this.epoch) return
    if (image.brokers.get(this.#options.brokerId)?.epoch !== this.epoch) this.#lost('its key has been removed')
  }

  #lost(reason: string): void {
    if (this.#state !== 'registered' && this.#state !== 'leaving') return
    this.#keepAlive?.stop()
    this.#lease = undefined
    if (this.#state === 'leaving') {
      this.#handedOver?.()
      return
    }
    const { logger, brokerId } = this.#options
    logger.warn('the registration is lost and is made anew', { broker: brokerId, epoch: this.epoch, reason })
    this.#state = 'registering'
    this.#fault = `the registration is lost: ${reason}`
    // Only the end of this broker ends it; `close` has nothing to say about an error then.
    this.#work(() => true).catch((error: unknown) => {
      if (this.#state !== 'ended') throw error
    })
  }

  /** Says that this broker stops, and waits until nothing hangs on it any more. */
  async #askToMove(): Promise<void> {
    const { feed, store, brokerId, logger } = this.#options
    // Said even if nothing hangs on this broker: others must not take it for dead when it closes its port.
    if (feed.image.brokers.size <= 1 && !hasToHandOver(feed.image, brokerId)) return
    const handedOver = new Promise<void>((resolve) => {
      this.#handedOver = resolve
    })
    const key = brokerKey(brokerId)
    const record: BrokerRecord = { ...this.#registered!.record, status: 'stopping' }
    try {
      const { succeeded } = await store.transaction({
        compare: [{ key, target: 'createRevision', operator: '=', value: this.epoch }],
        then: [{ kind: 'put', key, value: JSON.stringify(record), lease: this.#lease!.id }],
      })
      if (succeeded && hasToHandOver(feed.image, brokerId)) await handedOver
    } catch (error) {
      logger.warn('leadership cannot be handed over', { error: String(error) })
    }
  }

  async #within(timeoutMs: number, work: Promise<void>): Promise<void> {
    let timer: Timer | undefined
    const late = new Promise<void>((resolve) => {
      timer = this.#options.clock.startTimer(timeoutMs, resolve)
    })
    await Promise.race([work, late])
    timer?.cancel()
  }

  #isDiskStalled(): boolean {
    return this.#options.diskWaitMs() > this.#options.sessionTimeoutMs
  }

  #checkOpen(): void {
    if (this.#state === 'ended') throw new MetadataError('closed', 'the broker is stopping')
  }

  #noteFault(error: unknown): void {
    const reason = error instanceof Error ? error.message : String(error)
    if (this.#fault === reason) return
    this.#fault = reason
    const { logger, brokerId } = this.#options
    const fields = { broker: brokerId, error: reason }
    if (error instanceof BrokerError) logger.error('cannot register, trying again', fields)
    else logger.warn('cannot register, trying again', fields)
  }

  #sleep(delayMs: number): Promise<void> {
    return new Promise((resolve) => {
      this.#pause = { timer: this.#options.clock.startTimer(delayMs, () => this.#wake()), end: resolve }
    })
  }

  #wake(): void {
    const pause = this.#pause
    this.#pause = undefined
    pause?.timer.cancel()
    pause?.end()
  }
}

/** Whether an error may be over by itself. */
function isPassing(error: unknown, isVolatile: boolean): boolean {
  if (error instanceof BrokerIdInUse) return isVolatile
  if (!(error instanceof MetadataError)) return false
  return error.kind === 'unavailable' || error.kind === 'overloaded' || error.kind === 'lease-not-found'
}
