import type { Outcome, Span } from '../span.ts'

/** What the seed has made of a group. */
export interface QueueGroup {
  name: string
  lockDurationMs: number
  deliveryCountMax: number
  /** Whether what is given up must be found among the dead letters. */
  hasDeadLetters: boolean
  /** Whether messages may expire. */
  hasTtl: boolean
  /** The tag of the messages it wants; '' for all of them. */
  tag: string
}

/** Who led a log while a request was answered, looked up in the brokers: no answer says it. */
export interface Leadership {
  /** Broker, process and leader epoch; '' if it was not the same one from the question to the answer. */
  tenure: string
  /** Bounds of the leader epoch in which it was answered; -1 if nothing is known. */
  epochLeast: number
  epochMost: number
}

/** A message as a member got it. */
export interface Delivered {
  offset: number
  deliveryCount: number
  /** Undefined if the answer lent the offset but had no record for it. */
  value: string | undefined
}

/** What one answer lent of one log. */
export interface Lent {
  log: string
  leadership: Leadership
  messages: Delivered[]
}

/** One ShareFetch. Milliseconds are the world's; ticks, as everywhere, the order of all happenings. */
export interface QueueFetch extends Span {
  outcome: Outcome
  group: string
  member: string
  /** Number of the connection: what its member holds is free when it ends. */
  connection: number
  beginMs: number
  endMs: number
  /** Everything that it may have lent something of, if no answer came. */
  logs: string[]
  lent: Lent[]
}

export type Word = 'gap' | 'accept' | 'release' | 'reject' | 'renew'

/** What a member says about messages of one log, all of it or nothing. */
export interface Acknowledging extends Span {
  /** 'failed' only where the answer says for sure that nothing was done. */
  outcome: Outcome
  /** The answer was that the member does not hold all of them. */
  isRefused: boolean
  group: string
  member: string
  connection: number
  log: string
  beginMs: number
  endMs: number
  leadership: Leadership
  words: { offset: number; word: Word }[]
}

/** A member begins to close its sessions: what it holds is free from then on, and such a delivery does not count. */
export interface Departure extends Span {
  outcome: Outcome
  group: string
  member: string
}

/** How far a group is said to be in a log when nothing is left to do, and how far the log goes. */
export interface QueueProgress extends Span {
  group: string
  log: string
  /** First message that is not settled, as stored. */
  startOffset: number
  endOffset: number
}

export interface DeadLetter {
  /** From its headers, as the rest. */
  group: string
  log: string
  offset: number
  reason: string
  deliveryCount: number
  value: string
}

/** The dead letters of a group, read from start to end when everything else was over. */
export interface DeadRead {
  group: string
  letters: DeadLetter[]
  /** False if the broker would not give all of it. */
  complete: boolean
}

export interface QueueHistory {
  groups: QueueGroup[]
  fetches: QueueFetch[]
  acknowledgings: Acknowledging[]
  departures: Departure[]
  /** In the order of time; the first of a group and log is where it was drained. */
  progress: QueueProgress[]
  deadReads: DeadRead[]
  /** Groups that were drained, but for logs whose files were damaged. */
  drained: string[]
}

export function emptyQueueHistory(): QueueHistory {
  return { groups: [], fetches: [], acknowledgings: [], departures: [], progress: [], deadReads: [], drained: [] }
}

const tagCount = 3

/** The tag that the message with this value has: that of its number at its producer. */
export function tagOf(value: string): string {
  const count = Number(/\.(\d+)#/.exec(value)?.[1] ?? 0)
  return `t${count % tagCount}`
}
