import { emptyQueueHistory } from './queues/queue-history.ts'
import type { QueueHistory } from './queues/queue-history.ts'
import type { Outcome, Span } from './span.ts'

/** A record as checkers see it: `value` is the text that no other record has, with a checksum over all its bytes. */
export interface SeenRecord {
  offset: number
  key: string
  value: string
}

/** One batch for one log, with all tries to get it there. */
export interface Send extends Span {
  outcome: Outcome
  /** Topic id and partition. */
  log: string
  producer: string
  /** Idempotent producers promise that their records stand in the order of `index`. */
  idempotent: boolean
  /** Number of the first record in the producer's order. */
  index: number
  records: { key: string; value: string }[]
  /** -1 as long as nobody said where it is. */
  baseOffset: number
  /** Why it failed. */
  error?: string
}

/** One answer of a fetch for one log. */
export interface Poll extends Span {
  log: string
  consumer: string
  from: number
  /** 'out-of-range' says that there is no such offset any more, or not yet. */
  outcome: 'ok' | 'out-of-range'
  records: SeenRecord[]
  highWatermark: number
  logStart: number
}

/** DeleteRecords. */
export interface Deletion extends Span {
  outcome: Outcome
  log: string
  before: number
}

/** DeleteTopics; ends all logs of the topic. */
export interface TopicDeletion extends Span {
  outcome: Outcome
  topicId: string
}

export interface Commit extends Span {
  outcome: Outcome
  group: string
  log: string
  offset: number
}

/** What a group's committed offset was said to be; -1 for none. */
export interface CommitRead extends Span {
  group: string
  log: string
  offset: number
}

/** A member was given logs in a generation of its group. */
export interface Assignment {
  group: string
  generation: number
  member: string
  logs: string[]
}

/** A log read from its start to its end after everything else was over. */
export interface FinalRead {
  log: string
  start: number
  end: number
  records: SeenRecord[]
  /** False if the broker would not give all of it. */
  complete: boolean
}

export interface LogFacts {
  /** 'none': nothing but DeleteRecords takes anything away. */
  cleanup: 'none' | 'delete' | 'compact'
  /** Bits of its files were turned on purpose: what it serves must be right, but it may refuse. */
  rotten: boolean
  /** On several brokers: another leader may begin its log elsewhere. */
  replicated: boolean
}

export interface History {
  sends: Send[]
  polls: Poll[]
  deletions: Deletion[]
  topicDeletions: TopicDeletion[]
  commits: Commit[]
  commitReads: CommitRead[]
  assignments: Assignment[]
  finalReads: FinalRead[]
  queues: QueueHistory
  logs: Map<string, LogFacts>
  /** What was still waited for when the time for it was over. */
  unfinished: string[]
}

export function emptyHistory(): History {
  return {
    sends: [],
    polls: [],
    deletions: [],
    topicDeletions: [],
    commits: [],
    commitReads: [],
    assignments: [],
    finalReads: [],
    queues: emptyQueueHistory(),
    logs: new Map(),
    unfinished: [],
  }
}

/** The topic's part of a log's name. */
export function topicOf(log: string): string {
  return log.slice(0, log.lastIndexOf('/'))
}

/** Something that must not be. `kind` is one of a fixed set, see the checkers. */
export interface Finding {
  kind: string
  where: string
  detail: string
}
