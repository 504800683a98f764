import { MetadataError } from '../cluster/metadata-error.ts'
import type { MetadataStore } from '../cluster/metadata-store.ts'
import type { BrokerSettings } from '../config/broker-table.ts'
import type { Clock, Timer } from '../host/clock.ts'
import type { ImageChange } from '../image/cluster-image.ts'
import type { ImageFeed } from '../image/image-feed.ts'
import type { Logger } from '../telemetry/logger.ts'
import { brokerRoles } from './cluster-view.ts'
import type { PartitionChange } from './cluster-view.ts'
import { deleteStray } from './delete-stray.ts'
import { controllerFence, partitionsPerWriteMax, PartitionWrite } from './partition-writes.ts'
import { planCleaning, strayDelayMs } from './plan-cleaning.ts'
import { planRound } from './plan-round.ts'
import { TopicRules } from './topic-rules.ts'
import { Waits } from './waits.ts'

/** The part of `ControllerElection` that a controller needs. */
export interface Candidacy {
  /** Create revision of `/controller` while this broker is elected. */
  readonly epoch: number | undefined
  onChange(listener: () => void): () => void
}

export interface ControllerParts {
  readonly store: MetadataStore
  readonly feed: ImageFeed
  readonly clock: Clock
  readonly logger: Logger
  readonly settings: BrokerSettings
  readonly election: Candidacy
}

/** Partitions looked at, and time spent on that, before other work of the process gets its turn. */
const sliceCount = 500
const sliceMs = 4
/** How often the time is looked at. */
const glanceCount = 50
/** Time between two rounds that nothing urgent asks for: so many times as long as the last one took, within limits. */
const pauseMsMin = 10
const pauseMsMax = 1000
const pauseShare = 4
/** Longest wait for the image to show why a write was refused. */
const conflictWaitMsMax = 1000
const retryMsMin = 20
const retryMsMax = 2000

/** How a round or a part of it ended; `urgent`: brokers, drains or the controller changed under it. */
type Outcome = 'quiet' | 'wrote' | 'urgent' | 'conflict' | 'failed'

/**
 * What the elected broker does for the cluster: after each change of the image, and when delays have passed, it computes
 * what is due (plan-*.ts) and writes it by compare-and-set. It remembers nothing but since when it has seen delayed
 * conditions hold, so that any broker can go on in its place. A second controller does no harm: its writes fail.
 */
export class Controller {
  readonly #parts: ControllerParts
  readonly #rules: TopicRules
  readonly #waits: Waits
  readonly #unsubscribe: (() => void)[] = []
  #running: Promise<void> | undefined
  #isDue = false
  #isUrgent = false
  #isClosed = false
  #failureCount = 0
  #writeCountMax = partitionsPerWriteMax
  #dueTimer: Timer | undefined
  #endPause: (() => void) | undefined

  constructor(parts: ControllerParts) {
    this.#parts = parts
    this.#rules = new TopicRules(parts.feed.image, parts.settings)
    this.#waits = new Waits(parts.clock)
  }

  /** Whether nothing is being computed or written, and nothing is known to be due. */
  get isIdle(): boolean {
    return this.#running === undefined
  }

  /** Begins to work whenever this broker is elected. */
  start(): void {
    const { feed, election } = this.#parts
    this.#unsubscribe.push(feed.onChange((change) => this.#imageChanged(change)))
    this.#unsubscribe.push(election.onChange(() => this.#electionChanged()))
    this.#wake()
  }

  /** Ends the work and waits for a write under way. */
  async close(): Promise<void> {
    this.#isClosed = true
    for (const unsubscribe of this.#unsubscribe) unsubscribe()
    this.#dueTimer?.cancel()
    this.#endPause?.()
    await this.#running
  }

  #imageChanged(change: ImageChange): void {
    if (change.policies) this.#rules.forget()
    if (change.brokers.size > 0 || change.drains || change.controller) {
      this.#isUrgent = true
      if (this.#failureCount === 0) this.#endPause?.()
    }
    this.#wake()
  }

  #electionChanged(): void {
    this.#waits.clear()
    this.#failureCount = 0
    this.#endPause?.()
    this.#wake()
  }

  get #isActive(): boolean {
    return !this.#isClosed && this.#parts.election.epoch !== undefined
  }

  #wake(): void {
    if (!this.#isActive) return
    this.#isDue = true
    if (this.#running !== undefined) return
    this.#running = this.#work()
      .catch((error: unknown) => {
        // Nothing was written that should not be: the brokers go on with what they have while this is looked into.
        this.#parts.logger.error('the controller stopped', { error: String(error) })
      })
      .finally(() => {
        this.#running = undefined
        if (this.#isDue) this.#wake()
      })
  }

  async #work(): Promise<void> {
    // Who listens to the image must not write before it returns.
    await this.#turn()
    while (this.#isDue && this.#isActive) {
      const startMs = this.#parts.clock.monotonicMs()
      this.#isDue = false
      this.#isUrgent = false
      const outcome = await this.#attempt(this.#parts.election.epoch!)
      this.#isDue ||= outcome !== 'quiet'
      const isFailure = outcome === 'failed' || outcome === 'conflict'
      this.#failureCount = isFailure ? this.#failureCount + 1 : 0
      if (isFailure) await this.#pause(Math.min(retryMsMax, retryMsMin * 2 ** Math.min(this.#failureCount - 1, 10)))
      else if (this.#isDue && !this.#isUrgent) {
        // A process that was stopped in the middle of a round must not rest in proportion.
        const tookMs = this.#parts.clock.monotonicMs() - startMs
        await this.#pause(Math.min(pauseMsMax, Math.max(pauseMsMin, pauseShare * tookMs)))
      }
    }
    if (!this.#isActive) this.#isDue = false
  }

  /** One round; a store that fails, or a plan that breaks an invariant, is reported and tried again after a pause. */
  async #attempt(epoch: number): Promise<Outcome> {
    try {
      return await this.#round(epoch)
    } catch (error) {
      if (error instanceof MetadataError && error.kind === 'closed') {
        this.#isClosed = true
        return 'quiet'
      }
      // Whether the write took effect shows when the image has caught up; until then its comparisons fail.
      const level = error instanceof MetadataError ? 'warn' : 'error'
      this.#parts.logger[level]('the controller could not finish its work', { error: String(error) })
      return 'failed'
    }
  }

  async #round(epoch: number): Promise<Outcome> {
    const { feed, settings } = this.#parts
    this.#waits.begin()
    let wrote = false
    const context = { image: feed.image, rules: this.#rules, settings, waits: this.#waits }
    for (const { name, plan } of planRound(context)) {
      const outcome = await this.#carryOut(epoch, name, plan(brokerRoles(feed.image)))
      if (outcome === 'wrote') wrote = true
      else if (outcome !== 'quiet') return outcome
    }
    if (await this.#clean(epoch)) wrote = true
    const delayMs = this.#waits.end()
    this.#dueTimer?.cancel()
    this.#dueTimer = undefined
    if (delayMs !== undefined) this.#dueTimer = this.#parts.clock.startTimer(delayMs, () => this.#wake())
    return wrote ? 'wrote' : 'quiet'
  }

  /** Writes what one plan yields, in slices, and waits for the image to show it. */
  async #carryOut(epoch: number, name: string, plan: Iterable<PartitionChange | undefined>): Promise<Outcome> {
    let write = new PartitionWrite(controllerFence(epoch), this.#writeCountMax)
    let stepCount = 0
    let sliceStartMs = this.#parts.clock.monotonicMs()
    let writtenCount = 0
    let revision = 0
    const flush = async (): Promise<boolean> => {
      const written = await this.#write(write)
      if (written === undefined) return false
      revision = written
      writtenCount += write.changes.length
      write = new PartitionWrite(controllerFence(epoch), this.#writeCountMax)
      return true
    }
    for (const change of plan) {
      if (change !== undefined) write.add(change)
      if (!write.hasRoom && !(await flush())) return 'conflict'
      if (++stepCount % glanceCount !== 0) continue
      if (stepCount % sliceCount !== 0 && this.#parts.clock.monotonicMs() - sliceStartMs < sliceMs) continue
      await this.#turn()
      sliceStartMs = this.#parts.clock.monotonicMs()
      // Elections come first: what has changed about brokers is looked at before anything else goes on.
      if (this.#isUrgent || this.#parts.election.epoch !== epoch || this.#isClosed) return 'urgent'
    }
    if (write.changes.length > 0 && !(await flush())) return 'conflict'
    if (writtenCount === 0) return 'quiet'
    this.#parts.logger.info('partitions changed', { reason: name, count: writtenCount })
    await this.#parts.feed.reached(revision)
    return 'wrote'
  }

  /** Returns the revision after the write; undefined if a comparison failed, once the image shows why. */
  async #write(write: PartitionWrite): Promise<number | undefined> {
    const { succeeded, revision } = await this.#parts.store.transaction(write.transaction())
    if (succeeded) {
      this.#writeCountMax = Math.min(partitionsPerWriteMax, this.#writeCountMax * 2)
      return revision
    }
    // One partition that leaders keep changing must not keep all others from being written.
    this.#writeCountMax = Math.max(1, this.#writeCountMax >> 1)
    await this.#parts.feed.reachedOrLate(revision, conflictWaitMsMax)
    return undefined
  }

  async #clean(epoch: number): Promise<boolean> {
    const { store, feed, logger } = this.#parts
    const found = planCleaning(feed.image, (topicId) => this.#waits.hasHeld(`stray ${topicId}`, strayDelayMs))
    let deletedCount = 0
    for (const stray of found) {
      deletedCount += await deleteStray(store, controllerFence(epoch), stray, logger)
      // If they are still there it is for a reason that will not go at once.
      this.#waits.restart(`stray ${stray.topicId}`)
    }
    return deletedCount > 0
  }

  /** Until others have had their turn. */
  #turn(): Promise<void> {
    return new Promise((resolve) => this.#parts.clock.endOfTurn(resolve))
  }

  #pause(durationMs: number): Promise<void> {
    return new Promise((resolve) => {
      const end = (): void => {
        timer.cancel()
        this.#endPause = undefined
        resolve()
      }
      const timer = this.#parts.clock.startTimer(durationMs, end)
      this.#endPause = end
      if (this.#isClosed) end()
    })
  }
}
