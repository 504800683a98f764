import type { Finding } from '../history.ts'
import type { Outcome } from '../span.ts'
import { describe, isStale, queueFinding, wasOpen } from './message-story.ts'
import type { Delivery, MessageStory, QueueView, Statement } from './message-story.ts'
import type { Acknowledging, QueueHistory } from './queue-history.ts'

/** The clocks of brokers run up to this much faster than the world's: a lock may seem so much shorter. */
const clockRateMax = 1.25

/**
 * double-lock: a message was lent to somebody while another, or the same member, was sure to hold it. lost-lock: a member was told
 * that it does not hold what it was sure to hold. stolen-lock: a member could settle what had been lent to another after it had
 * got it. delivery-count: a delivery was not counted, or a count that was stored was forgotten.
 *
 * When a lock ends early without anybody's fault: the leader changes or its process ends, the member's connection ends, the member
 * speaks of the message or closes its session.
 */
export function checkLocks(view: QueueView, history: QueueHistory, findings: Finding[]): void {
  const answered = Map.groupBy(
    [...history.fetches, ...history.acknowledgings].filter(({ outcome }) => outcome === 'ok'),
    ({ connection }) => connection,
  )
  /** Whether the connection still lived when something was asked on it after a tick. */
  const livesAfter = (connection: number, tick: number): boolean =>
    (answered.get(connection) ?? []).some(({ begin }) => begin > tick)
  const say = (kind: string, detail: string): void => void findings.push(queueFinding(view, kind, detail))
  for (const story of view.stories.values()) {
    for (const [index, delivery] of story.deliveries.entries()) {
      const others = story.deliveries.slice(index + 1).filter(({ fetch }) => fetch.begin > delivery.fetch.end)
      const hold = new Hold(view, story, delivery)
      const intruder = others.find((other) =>
        hold.isSureAt(other.fetch.end, other.fetch.endMs, other.leadership.tenure),
      )
      if (intruder !== undefined && livesAfter(delivery.fetch.connection, intruder.fetch.end)) {
        say('double-lock', `${describe(delivery)}, and then ${describe(intruder)}`)
      }
      checkRefusal(hold, delivery, story, say)
      checkTheft(view, delivery, others, story, say)
      checkCount(view, delivery, others, story, say)
    }
  }
}

type Say = (kind: string, detail: string) => void

/** What is sure about the lock that came with a delivery. */
class Hold {
  readonly #view: QueueView
  readonly #story: MessageStory
  readonly #delivery: Delivery

  constructor(view: QueueView, story: MessageStory, delivery: Delivery) {
    this.#view = view
    this.#story = story
    this.#delivery = delivery
  }

  /** Whether it held until a tick and a time, as far as time, leader and member go; the connection is the caller's business. */
  isSureAt(tick: number, ms: number, tenure: string, but?: Statement): boolean {
    const { fetch, leadership } = this.#delivery
    if (leadership.tenure === '' || leadership.tenure !== tenure || this.#hasLoose(tick)) return false
    const begun = this.#story.statements.filter(
      (each) => each !== but && each.acknowledging.member === fetch.member && isBetween(each, fetch.end, tick),
    )
    if (begun.some(({ word }) => word !== 'renew')) return false
    if (
      this.#view.departures.some(({ member, begin }) => member === fetch.member && begin > fetch.begin && begin < tick)
    ) {
      return false
    }
    // From when the lock, or its renewal, was asked for: it began no earlier.
    const renewals = begun.filter(({ acknowledging }) => acknowledging.outcome === 'ok')
    const sinceMs = Math.max(fetch.beginMs, ...renewals.map(({ acknowledging }) => acknowledging.beginMs))
    return ms < sinceMs + this.#view.group.lockDurationMs / clockRateMax
  }

  /** What the member has asked for without an answer may still be on its way, and give up the lock when it arrives. */
  #hasLoose(tick: number): boolean {
    const { member } = this.#delivery.fetch
    const { lostFetches, departures } = this.#view
    const isLoose = (each: { member: string; begin: number; outcome: Outcome }): boolean =>
      each.outcome === 'unknown' && each.member === member && each.begin < tick
    const said = this.#story.statements.map(({ acknowledging }) => acknowledging)
    return lostFetches.some(isLoose) || departures.some(isLoose) || said.some(isLoose)
  }
}

function isBetween({ acknowledging }: Statement, after: number, before: number): boolean {
  return acknowledging.begin > after && acknowledging.begin < before
}

function checkRefusal(
  hold: Hold,
  { fetch, leadership }: Delivery,
  { offset, statements }: MessageStory,
  say: Say,
): void {
  const first = statements.find(
    ({ acknowledging, word }) =>
      acknowledging.member === fetch.member && acknowledging.begin > fetch.end && word !== 'renew',
  )
  if (first === undefined) return
  const { acknowledging } = first
  const { isRefused, connection, endMs, end, words } = acknowledging
  // One message that the member does not hold has all of them refused.
  if (!isRefused || words.length > 1 || connection !== fetch.connection) return
  if (!hold.isSureAt(end, endMs, acknowledging.leadership.tenure, first)) return
  say('lost-lock', `${fetch.member} was refused ${offset}, lent in ${leadership.tenure} with its lock running on`)
}

/** It needs no clock: who can settle a message holds it, and can have got it back only by fetching. */
function checkTheft(
  view: QueueView,
  { fetch, leadership }: Delivery,
  others: readonly Delivery[],
  { offset, statements }: MessageStory,
  say: Say,
): void {
  const settled = statements.find(({ acknowledging, word }) => {
    const isMine = acknowledging.member === fetch.member && acknowledging.begin > fetch.end
    return isMine && acknowledging.outcome === 'ok' && word !== 'renew'
  })
  if (settled === undefined) return
  const { begin } = settled.acknowledging
  const thief = others.find(
    (other) => other.fetch.member !== fetch.member && other.fetch.end < begin && !isStale(other.leadership, leadership),
  )
  const isMineAgain = (each: { member: string; begin: number }): boolean =>
    each.member === fetch.member && each.begin < begin
  if (thief === undefined || view.lostFetches.some(isMineAgain)) return
  if (others.some((other) => isMineAgain(other.fetch)) || !wasOpen(view, offset, settled)) return
  say('stolen-lock', `${fetch.member} could say ${settled.word} of ${offset}, which ${thief.fetch.member} had`)
}

/**
 * Within one tenure every delivery counts, but for those of members that close their sessions. Beyond it what was released and
 * confirmed is stored with its count.
 */
function checkCount(
  view: QueueView,
  delivery: Delivery,
  others: readonly Delivery[],
  story: MessageStory,
  say: Say,
): void {
  const { fetch, leadership, message } = delivery
  const release = releaseOf(view, delivery, story)
  for (const other of others) {
    const isSameTenure = leadership.tenure !== '' && leadership.tenure === other.leadership.tenure
    const isStored =
      release !== undefined && other.fetch.begin > release.end && !isStale(other.leadership, release.leadership)
    const hasLeft = view.departures.some(({ begin }) => begin > fetch.begin && begin < other.fetch.end)
    const least = message.deliveryCount + (hasLeft && !isStored ? 0 : 1)
    if ((isSameTenure || isStored) && other.message.deliveryCount < least) {
      say('delivery-count', `${describe(other)} after ${describe(delivery)}`)
    }
  }
}

/** The confirmed release of just this delivery: nothing else has happened in between that it might be about. */
function releaseOf(
  { lostFetches }: QueueView,
  { fetch }: Delivery,
  { deliveries, statements }: MessageStory,
): Acknowledging | undefined {
  const mine = statements.filter(
    ({ acknowledging }) => acknowledging.member === fetch.member && acknowledging.begin > fetch.end,
  )
  const first = mine.find(({ word }) => word !== 'renew')
  if (first?.word !== 'release' || first.acknowledging.outcome !== 'ok') return undefined
  const isBefore = (each: { member: string; begin: number }): boolean =>
    each.member === fetch.member && each.begin < first.acknowledging.begin
  const isAmbiguous = deliveries.some((each) => each.fetch.begin > fetch.begin && isBefore(each.fetch))
  return isAmbiguous || lostFetches.some(isBefore) ? undefined : first.acknowledging
}
