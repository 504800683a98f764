import type { LogStore } from '../../packages/broker/src/log/store.ts'

/** A batch as the log took it. */
export interface TakenBatch {
  baseOffset: number
  endOffset: number
  bytes: Uint8Array
}

/** What the users of one log know. Names may be used again, ids never are. */
export interface ExpectedLog {
  id: number
  name: string
  /** Whether the log must be there, may be there, or must not. */
  presence: 'may' | 'must' | 'never'
  batches: TakenBatch[]
  /** Everything below was acknowledged under a promise that survives a loss of power. */
  acknowledgedOffset: number
  startOffset: number
  /** A change of the start that nobody was told the end of. */
  startOffsetAsked: number | undefined
  /** A cut that nobody was told the end of. */
  truncateOffsetAsked: number | undefined
  /** A new start that nobody was told the end of. */
  restartOffsetAsked: number | undefined
  /** A compaction may have been over it. */
  wasCompacted: boolean
}

/** What happened between the store and its users, in the order of the trace. */
export type Deed =
  | { kind: 'create'; id: number; name: string }
  | { kind: 'append'; id: number; batch: TakenBatch }
  | { kind: 'acknowledge'; id: number; offset: number }
  | { kind: 'start-asked'; id: number; offset: number }
  | { kind: 'start-moved'; id: number }
  | { kind: 'truncate-asked'; id: number; offset: number }
  | { kind: 'truncated'; id: number }
  | { kind: 'restart-asked'; id: number; offset: number }
  | { kind: 'restarted'; id: number }
  | { kind: 'compact-asked'; id: number }
  | { kind: 'delete-asked'; id: number }
  | { kind: 'deleted'; id: number }
  | { kind: 'reopened'; logs: ReopenedLog[] }

/** A log as the store gave it after a start: what was open until then is decided now. */
export interface ReopenedLog {
  id: number
  startOffset: number
  endOffset: number
}

/** What a store that has just been opened has of each log. */
export function reopenedLogs(store: LogStore): ReopenedLog[] {
  return [...store.logs()].map(({ id, startOffset, endOffset }) => ({ id, startOffset, endOffset }))
}

/** What the users of a store know at one moment of a trace. */
export class Expectation {
  readonly logs = new Map<number, ExpectedLog>()
  /** Counts deeds: the same states of a disk are different tests for different expectations. */
  version = 0

  apply(deed: Deed): void {
    this.version++
    if (deed.kind === 'reopened') {
      this.#reopen(deed.logs)
      return
    }
    if (deed.kind === 'create') {
      this.logs.set(deed.id, newLog(deed.id, deed.name))
      return
    }
    const log = this.logs.get(deed.id)!
    if (deed.kind === 'append') log.batches.push(deed.batch)
    else if (deed.kind === 'acknowledge') acknowledge(log, deed.offset)
    else if (deed.kind === 'start-asked') log.startOffsetAsked = deed.offset
    else if (deed.kind === 'start-moved') moveStart(log, log.startOffsetAsked!)
    else if (deed.kind === 'truncate-asked') log.truncateOffsetAsked = deed.offset
    else if (deed.kind === 'restart-asked') log.restartOffsetAsked = deed.offset
    else if (deed.kind === 'restarted') restart(log, log.restartOffsetAsked!)
    else if (deed.kind === 'truncated') truncate(log, log.truncateOffsetAsked!)
    else if (deed.kind === 'compact-asked') log.wasCompacted = true
    else if (deed.kind === 'delete-asked') log.presence = 'may'
    else this.logs.get(deed.id)!.presence = 'never'
  }

  /** A copy to build on in a branch of the trace. */
  copy(): Expectation {
    const copy = new Expectation()
    copy.version = this.version
    for (const [id, log] of this.logs) copy.logs.set(id, { ...log, batches: [...log.batches] })
    return copy
  }

  #reopen(logs: readonly ReopenedLog[]): void {
    const found = new Map(logs.map((log) => [log.id, log]))
    for (const log of this.logs.values()) {
      const now = found.get(log.id)
      if (!now) {
        log.presence = 'never'
        continue
      }
      log.presence = 'must'
      truncate(log, now.endOffset)
      moveStart(log, now.startOffset)
      log.restartOffsetAsked = undefined
      // All that recovery gives is in synced segments, also of a log that promises nothing otherwise.
      log.acknowledgedOffset = now.endOffset
    }
  }
}

function newLog(id: number, name: string): ExpectedLog {
  return {
    id,
    name,
    presence: 'may',
    batches: [],
    acknowledgedOffset: 0,
    startOffset: 0,
    startOffsetAsked: undefined,
    truncateOffsetAsked: undefined,
    restartOffsetAsked: undefined,
    wasCompacted: false,
  }
}

function acknowledge(log: ExpectedLog, offset: number): void {
  if (log.presence === 'may' && log.acknowledgedOffset === 0) log.presence = 'must'
  log.acknowledgedOffset = offset
}

/** Where a log ends that is cut at `offset`: there may be a gap before it. */
export function endBefore(log: ExpectedLog, offset: number): number {
  const last = log.batches.findLast((batch) => batch.endOffset <= offset)
  return Math.max(last?.endOffset ?? 0, log.startOffset)
}

function moveStart(log: ExpectedLog, offset: number): void {
  log.startOffset = offset
  log.startOffsetAsked = undefined
  log.batches = log.batches.filter((batch) => batch.endOffset > offset)
}

function truncate(log: ExpectedLog, offset: number): void {
  log.batches = log.batches.filter((batch) => batch.endOffset <= offset)
  log.acknowledgedOffset = Math.min(log.acknowledgedOffset, endBefore(log, offset))
  log.truncateOffsetAsked = undefined
}

function restart(log: ExpectedLog, offset: number): void {
  log.batches = []
  log.startOffset = offset
  log.acknowledgedOffset = offset
  log.restartOffsetAsked = undefined
}
