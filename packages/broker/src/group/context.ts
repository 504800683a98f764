import type { ErrorCode } from '../errors/errors.ts'
import { BrokerError } from '../errors/errors.ts'
import type { Clock } from '../host/clock.ts'
import type { Random } from '../host/random.ts'
import type { Logger } from '../telemetry/logger.ts'
import type { Topics } from '../topic/topics.ts'
import type { GroupConfig } from './group-config.ts'
import type { GroupLog, GroupRecord } from './group-log.ts'
import { StoredRecordWriter } from './stored-records.ts'

/** What the coordinator is given. */
export interface GroupCoordinatorParts {
  log: GroupLog
  clock: Clock
  random: Random
  logger: Logger
  /** Tells which topics exist, for commits. */
  topics: Pick<Topics, 'find'>
  /** Whether a name belongs to a group of another kind, and so to none of these. Default: no name does. */
  isTaken?: (groupId: string) => boolean
  /** What is left out takes its default. */
  config?: Partial<GroupConfig>
}

/** The world as all operations of the coordinator share it, and what is under way. */
export class GroupContext {
  readonly log: GroupLog
  readonly clock: Clock
  readonly random: Random
  readonly logger: Logger
  readonly topics: Pick<Topics, 'find'>
  readonly isTaken: (groupId: string) => boolean
  readonly config: GroupConfig
  readonly records = new StoredRecordWriter()
  readonly #appends = new Set<Promise<void>>()

  constructor(parts: GroupCoordinatorParts, config: GroupConfig) {
    this.log = parts.log
    this.clock = parts.clock
    this.random = parts.random
    this.logger = parts.logger
    this.topics = parts.topics
    this.isTaken = parts.isTaken ?? (() => false)
    this.config = config
  }

  /** Appends records as one batch; returns the log's error, or null once they are durable. */
  async append(partition: number, records: readonly GroupRecord[]): Promise<ErrorCode | null> {
    const append = this.log.append(partition, records)
    this.#appends.add(append)
    try {
      await append
      return null
    } catch (error) {
      if (error instanceof BrokerError) return error.code
      throw error
    } finally {
      this.#appends.delete(append)
    }
  }

  /**
   * Waits for the outcome of a write on behalf of a client, but not for ever: a log whose disk is full or whose replicas are
   * away may keep it waiting, and with it all that the client asks later. 'timed-out' says that what becomes of it is open.
   */
  inTime(writing: Promise<ErrorCode | null>): Promise<ErrorCode | null> {
    const { promise, resolve, reject } = Promise.withResolvers<ErrorCode | null>()
    const timer = this.clock.startTimer(this.config.offsetsCommitTimeoutMs, () => resolve('timed-out'))
    writing.then(resolve, reject).finally(() => timer.cancel())
    return promise
  }

  /** Resolves when no append is under way. */
  async settle(): Promise<void> {
    while (this.#appends.size > 0) await Promise.allSettled(this.#appends)
  }
}

/** The partition is led elsewhere, or this broker cannot write: its groups are better off with another coordinator. */
const elsewhere: ReadonlySet<ErrorCode> = new Set([
  'not-leader',
  'fenced-leader-epoch',
  'unknown-leader-epoch',
  'storage',
  'stopping',
])

/** Trying again would not help. */
const final: ReadonlySet<ErrorCode> = new Set(['message-too-large', 'limit-exceeded'])

/**
 * What a client is told when its group's state or offset could not be written. Whatever it cannot do anything about
 * sends it back to FindCoordinator, from where it tries again.
 */
export function writeFailure(code: ErrorCode): ErrorCode {
  if (final.has(code)) return code
  return elsewhere.has(code) ? 'not-coordinator' : 'coordinator-not-available'
}
