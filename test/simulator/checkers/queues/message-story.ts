import type { FinalRead, Finding, History } from '../history.ts'
import type {
  Acknowledging,
  DeadLetter,
  Delivered,
  Departure,
  Leadership,
  QueueFetch,
  QueueGroup,
  QueueProgress,
  Word,
} from './queue-history.ts'

/** A message handed to a member. */
export interface Delivery {
  fetch: QueueFetch
  leadership: Leadership
  message: Delivered
}

/** Something a member said about a message. */
export interface Statement {
  acknowledging: Acknowledging
  word: Word
}

/** All that happened to one message in one group, each list in the order in which it was asked for. */
export interface MessageStory {
  offset: number
  deliveries: Delivery[]
  statements: Statement[]
}

/** One group in one log. */
export interface QueueView {
  group: QueueGroup
  log: string
  isRotten: boolean
  isCompacted: boolean
  /** Somebody asked to delete what is before, and may have got it: where that was not confirmed, a new leader may not know. */
  deletedBefore: number
  stories: Map<number, MessageStory>
  /** Fetches without an answer that may have taken messages. */
  lostFetches: QueueFetch[]
  departures: Departure[]
  progress: QueueProgress[]
  /** Undefined where the group has none, or they could not be read. One list for each time that they were read. */
  deadLetters: Map<number, DeadLetter[]>[] | undefined
  finalRead: FinalRead | undefined
  /** What is known to lie at an offset. */
  values: Map<number, string>
}

export function queueViews(history: History): QueueView[] {
  const { queues } = history
  const values = new Map([...history.logs.keys()].map((log) => [log, new Map<number, string>()]))
  for (const { log, outcome, baseOffset, records } of history.sends) {
    if (outcome !== 'ok' || baseOffset < 0) continue
    for (const [index, { value }] of records.entries()) values.get(log)?.set(baseOffset + index, value)
  }
  for (const { log, records } of history.finalReads) {
    for (const { offset, value } of records) values.get(log)?.set(offset, value)
  }
  const views = new Map<string, QueueView>()
  const deletions = history.deletions.filter(({ outcome }) => outcome !== 'failed')
  for (const group of queues.groups) {
    for (const [log, { rotten, cleanup }] of history.logs) {
      const isMine = (each: { group: string; log: string }): boolean => each.group === group.name && each.log === log
      const deadLetters = group.hasDeadLetters ? deadLettersOf(history, group, log) : undefined
      views.set(keyOf(group.name, log), {
        group,
        log,
        isRotten: rotten,
        isCompacted: cleanup === 'compact',
        deletedBefore: Math.max(0, ...deletions.filter((each) => each.log === log).map(({ before }) => before)),
        stories: new Map(),
        lostFetches: [],
        departures: queues.departures.filter((each) => each.group === group.name),
        progress: queues.progress.filter(isMine),
        deadLetters,
        finalRead: history.finalReads.find((read) => read.log === log),
        values: values.get(log)!,
      })
    }
  }
  for (const fetch of queues.fetches) addFetch(views, fetch)
  for (const acknowledging of queues.acknowledgings) {
    const view = views.get(keyOf(acknowledging.group, acknowledging.log))!
    for (const { offset, word } of acknowledging.words) storyOf(view, offset).statements.push({ acknowledging, word })
  }
  return [...views.values()]
}

function deadLettersOf({ queues }: History, group: QueueGroup, log: string): Map<number, DeadLetter[]>[] {
  return queues.deadReads
    .filter((read) => read.group === group.name && read.complete)
    .map(({ letters }) =>
      Map.groupBy(
        letters.filter((letter) => letter.log === log),
        ({ offset }) => offset,
      ),
    )
}

function addFetch(views: ReadonlyMap<string, QueueView>, fetch: QueueFetch): void {
  const { group, outcome, logs, lent } = fetch
  // A topic may have grown though the answer that said so was lost: to a log that nobody knows of nobody writes.
  if (outcome === 'unknown') for (const log of logs) views.get(keyOf(group, log))?.lostFetches.push(fetch)
  for (const { log, leadership, messages } of lent) {
    const view = views.get(keyOf(group, log))!
    for (const message of messages) storyOf(view, message.offset).deliveries.push({ fetch, leadership, message })
  }
}

function storyOf({ stories }: QueueView, offset: number): MessageStory {
  const known = stories.get(offset)
  if (known !== undefined) return known
  const story = { offset, deliveries: [], statements: [] }
  stories.set(offset, story)
  return story
}

function keyOf(group: string, log: string): string {
  return `${group} ${log}`
}

export function queueFinding({ group, log }: QueueView, kind: string, detail: string): Finding {
  return { kind, where: `${group.name} in ${log}`, detail }
}

/**
 * Whether a delivery may have come from a leader that did not know yet that it had been replaced: it lends without asking anybody,
 * so that it cannot know what its successor was told. Nothing that it is told of such a message counts.
 */
export function isStale(delivery: Leadership, since: Leadership): boolean {
  return since.epochMost === -1 || delivery.epochLeast < since.epochMost
}

/**
 * Whether a confirmed statement has surely done something: of what lies before the queue's start everything is settled, and whatever
 * is said of it is answered with success. Where an earlier message is lent later, the start had not passed it yet.
 */
export function wasOpen({ stories }: QueueView, offset: number, { acknowledging }: Statement): boolean {
  for (const story of stories.values()) {
    if (story.offset > offset) continue
    const isLater = ({ fetch, leadership }: Delivery): boolean =>
      fetch.begin > acknowledging.end && !isStale(leadership, acknowledging.leadership)
    if (story.deliveries.some(isLater)) return true
  }
  return false
}

export function describe({ fetch, leadership, message }: Delivery): string {
  const where = leadership.tenure === '' ? 'while the leader changed' : leadership.tenure
  const when = `${Math.round(fetch.beginMs)} to ${Math.round(fetch.endMs)} ms`
  return `${message.offset} to ${fetch.member} for time ${message.deliveryCount} (${where}, ${when})`
}
