import type { Clock, Timer } from '../host/clock.ts'
import { DiskError } from '../host/disk.ts'
import type { Logger } from '../telemetry/logger.ts'
import { CleanerPace, CleanerStopped } from './cleaner-pace.ts'
import { compactLog } from './compaction.ts'
import { planCompaction, rollForCompaction } from './compaction-plan.ts'
import type { CompactionPlan, CompactionSettings } from './compaction-plan.ts'
import type { Log } from './log.ts'
import type { RetentionSettings } from './retention.ts'
import { applyRetention } from './retention.ts'
import type { LogStore } from './store.ts'

/** What a log's topic says about old records; a part of TopicSettings (config/topic-settings.ts). */
export interface CleanupSettings extends RetentionSettings, CompactionSettings {
  cleanupCompact: boolean
}

export interface CleanerOptions {
  store: LogStore
  clock: Clock
  logger: Logger
  /** Asked for each log each time. Undefined leaves the log alone. */
  settingsOf: (log: Log) => CleanupSettings | undefined
  retentionCheckIntervalMs: number
  compactionIntervalMs: number
  /** Memory for the keys of one compaction. */
  mapBytesMax: number
  /** Idempotent producers that wrote nothing for this long are forgotten. */
  producerIdExpirationMs: number
}

/** A look at all logs costs something; `compactionIntervalMs` may be 0. */
const intervalMsMin = 100
/** Logs whose start is moved together, so that they share a checkpoint. */
const retentionsAtOnceMax = 256
const diskRetryMs = 60_000

/** Deletes and compacts old records in the background: one thing at a time, in short turns of the event loop. */
export class Cleaner {
  readonly #options: CleanerOptions
  readonly #pace: CleanerPace
  #timer: Timer | undefined
  #running: Promise<void> | undefined
  #stopped = false
  #retentionDueMs = Infinity
  #compactionDueMs = Infinity
  /** Logs whose last compaction failed, with the monotonic time from which on it may be tried again. */
  readonly #uncleanable = new WeakMap<Log, number>()

  constructor(options: CleanerOptions) {
    this.#options = options
    this.#pace = new CleanerPace(options.clock)
  }

  start(): void {
    const nowMs = this.#options.clock.monotonicMs()
    this.#retentionDueMs = nowMs + this.#retentionIntervalMs
    this.#compactionDueMs = nowMs + this.#compactionIntervalMs
    this.#arm()
  }

  /** Resolves when nothing runs any more. A compaction under way is given up. */
  async stop(): Promise<void> {
    this.#stopped = true
    this.#timer?.cancel()
    this.#pace.stop()
    await this.#running
  }

  /** Looks at all logs once for segments and producers past their time. Not to be called while the cleaner runs. */
  async retain(): Promise<void> {
    const { store, clock, settingsOf, producerIdExpirationMs } = this.#options
    this.#pace.continue()
    await this.#finishRemovals()
    let pending: Promise<void>[] = []
    try {
      for (const log of store.logs()) {
        const settings = settingsOf(log)
        if (settings === undefined || log.damage !== undefined) continue
        log.producers.expireBefore(clock.nowMs() - producerIdExpirationMs)
        pending.push(this.#retainLog(log, settings))
        if (pending.length >= retentionsAtOnceMax) {
          await Promise.all(pending)
          pending = []
        }
        if (this.#pace.isDue) await this.#pace.turn()
      }
    } finally {
      await Promise.all(pending)
    }
  }

  /** Compacts all logs that are due, the one with the most to gain first. Not to be called while the cleaner runs. */
  async compact(): Promise<void> {
    this.#pace.continue()
    const due: { log: Log; dirtyRatio: number }[] = []
    for (const log of this.#options.store.logs()) {
      if (this.#pace.isDue) await this.#pace.turn()
      const dirtyRatio = this.#plan(log)?.plan.dirtyRatio
      if (dirtyRatio !== undefined) due.push({ log, dirtyRatio })
    }
    for (const { log } of due.toSorted((a, b) => b.dirtyRatio - a.dirtyRatio)) {
      // A log with more keys than fit into memory takes several rounds.
      for (let next = this.#plan(log); next !== undefined; next = this.#plan(log)) {
        await this.#compactLog(log, next.settings, next.plan)
      }
    }
  }

  #plan(log: Log): { settings: CleanupSettings; plan: CompactionPlan } | undefined {
    const { store, clock, settingsOf } = this.#options
    if (store.get(log.name) !== log || log.damage !== undefined) return undefined
    if (clock.monotonicMs() < (this.#uncleanable.get(log) ?? 0)) return undefined
    const settings = settingsOf(log)
    if (!settings?.cleanupCompact) return undefined
    try {
      rollForCompaction(log, settings, clock.nowMs())
      const plan = planCompaction(log, settings, clock.nowMs())
      return plan && { settings, plan }
    } catch (error) {
      this.#failed(log, error)
      return undefined
    }
  }

  async #compactLog(log: Log, settings: CleanupSettings, plan: CompactionPlan): Promise<void> {
    const { logger } = this.#options
    try {
      const betweenGroups = (): Promise<void> => this.#retainIfDue()
      const result = await compactLog({ ...this.#options, pace: this.#pace, betweenGroups }, log, settings, plan)
      if (result === undefined) return
      logger.info('log compacted', {
        log: log.name,
        cleanedOffset: result.cleanedOffset,
        bytesBefore: result.bytesBefore,
        bytesAfter: result.bytesAfter,
      })
    } catch (error) {
      if (error instanceof CleanerStopped) throw error
      this.#failed(log, error)
    }
  }

  /** Other logs must not wait for one that cannot be compacted. What passes, such as a full disk, is tried again later. */
  #failed(log: Log, error: unknown): void {
    const { clock, logger } = this.#options
    const isLasting = !(error instanceof DiskError)
    this.#uncleanable.set(log, isLasting ? Infinity : clock.monotonicMs() + diskRetryMs)
    logger.error('log cannot be compacted', { log: log.name, tryAgain: !isLasting, error: String(error) })
  }

  /** A disk that was full may have kept an earlier round from becoming durable. */
  async #finishRemovals(): Promise<void> {
    try {
      await this.#options.store.finishRemovals()
    } catch (error) {
      if (!(error instanceof DiskError)) throw error
      this.#options.logger.warn('old segments cannot be removed, it is tried again', { error: error.message })
    }
  }

  async #retainLog(log: Log, settings: RetentionSettings): Promise<void> {
    const { store, clock, logger } = this.#options
    try {
      const count = await applyRetention(store, log, settings, clock.nowMs())
      if (count > 0) logger.info('old segments deleted', { log: log.name, count, startOffset: log.startOffset })
    } catch (error) {
      logger.warn('retention failed, it is tried again', { log: log.name, error: String(error) })
    }
  }

  get #retentionIntervalMs(): number {
    return Math.max(this.#options.retentionCheckIntervalMs, intervalMsMin)
  }

  get #compactionIntervalMs(): number {
    return Math.max(this.#options.compactionIntervalMs, intervalMsMin)
  }

  #arm(): void {
    if (this.#stopped) return
    const { clock } = this.#options
    const dueMs = Math.min(this.#retentionDueMs, this.#compactionDueMs)
    this.#timer = clock.startTimer(Math.max(dueMs - clock.monotonicMs(), 0), () => {
      this.#running = this.#tick().finally(() => {
        this.#running = undefined
        this.#arm()
      })
    })
  }

  async #retainIfDue(): Promise<void> {
    const { clock } = this.#options
    if (clock.monotonicMs() < this.#retentionDueMs) return
    await this.retain()
    this.#retentionDueMs = clock.monotonicMs() + this.#retentionIntervalMs
  }

  async #tick(): Promise<void> {
    const { clock, logger } = this.#options
    try {
      await this.#retainIfDue()
      if (clock.monotonicMs() >= this.#compactionDueMs) {
        await this.compact()
        this.#compactionDueMs = clock.monotonicMs() + this.#compactionIntervalMs
      }
    } catch (error) {
      if (error instanceof CleanerStopped) return
      logger.error('the cleaner failed', { error: String(error) })
      this.#retentionDueMs = clock.monotonicMs() + this.#retentionIntervalMs
      this.#compactionDueMs = clock.monotonicMs() + this.#compactionIntervalMs
    }
  }
}
