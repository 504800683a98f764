import type { Finding, Poll } from './history.ts'
import type { LogView } from './log-view.ts'
import { finding } from './placement.ts'
import { Timeline } from './timeline.ts'

/**
 * poll-skip, int-poll-skip: offsets left out at the beginning of an answer or inside (only compaction may). nonmonotonic-poll:
 * offsets that do not rise, or before the one asked for. stale-watermark: a high watermark lower than one known before
 * the fetch began, or than what had been acknowledged; a new leader learns of it with its followers' next fetches. above-watermark: a record that is not below the high watermark.
 * deleted-read, deleted-topic: what was gone is back. stale-start: the log start went back, which only another leader may do
 * where nobody was told that the records are deleted. truncated: an offset that
 * had been readable is out of range although nothing was deleted up to it.
 */
export function checkReads(view: LogView, findings: Finding[]): void {
  const watermark = new Timeline()
  const start = new Timeline()
  for (const send of view.sends) {
    if (send.outcome === 'ok' && send.baseOffset >= 0) watermark.add(send.end, send.baseOffset + send.records.length)
  }
  for (const poll of view.polls) {
    if (poll.outcome !== 'ok') continue
    watermark.add(poll.end, poll.highWatermark)
    start.add(poll.end, poll.logStart)
  }
  const deleted = new Timeline()
  for (const { outcome, end, before } of view.deletions) if (outcome === 'ok') deleted.add(end, before)
  // In a cluster a leader that is cut off from the metadata store goes on with what it knows.
  const goneAt = view.facts.replicated
    ? Infinity
    : Math.min(...view.topicDeletions.map(({ outcome, end }) => (outcome === 'ok' ? end : Infinity)))
  for (const send of view.sends) {
    if (send.outcome === 'ok' && send.begin > goneAt) {
      findings.push(finding(view, 'deleted-topic', `${send.records[0]!.value} was taken after the topic was deleted`))
    }
  }
  for (const poll of view.polls) {
    if (poll.begin > goneAt && poll.outcome === 'ok') {
      findings.push(finding(view, 'deleted-topic', `${poll.consumer} could fetch after the topic was deleted`))
    }
    if (poll.outcome === 'out-of-range') checkRange(view, poll, watermark, findings)
    else {
      checkOffsets(view, poll, findings)
      checkBounds(view, poll, { watermark, start, deleted }, findings)
    }
  }
}

function checkOffsets(view: LogView, poll: Poll, findings: Finding[]): void {
  const isDense = view.facts.cleanup !== 'compact'
  let expected = poll.from
  for (const { offset } of poll.records) {
    const inside = offset !== poll.records[0]!.offset
    if (offset < expected) findings.push(finding(view, 'nonmonotonic-poll', `${offset} where ${expected} is next`))
    // Also what was deleted while the fetch was under way: then the whole read is out of range.
    else if (isDense && offset > expected) {
      const kind = inside ? 'int-poll-skip' : 'poll-skip'
      findings.push(finding(view, kind, `${poll.consumer} asked for ${poll.from}: ${offset} where ${expected} is next`))
    }
    expected = offset + 1
  }
}

interface Known {
  watermark: Timeline
  start: Timeline
  deleted: Timeline
}

function checkBounds(view: LogView, poll: Poll, known: Known, findings: Finding[]): void {
  const say = (kind: string, detail: string): void =>
    void findings.push(finding(view, kind, `${poll.consumer}: ${detail}`))
  const watermark = known.watermark.before(poll.begin)
  if (poll.highWatermark < watermark && !view.facts.replicated)
    say('stale-watermark', `${poll.highWatermark} after ${watermark}`)
  const last = poll.records.at(-1)
  if (last !== undefined && last.offset >= poll.highWatermark) {
    say('above-watermark', `${last.offset} with a high watermark of ${poll.highWatermark}`)
  }
  const start = known.start.before(poll.begin)
  if (poll.logStart < start && !view.facts.replicated) say('stale-start', `${poll.logStart} after ${start}`)
  const deleted = known.deleted.before(poll.begin)
  const first = poll.records[0]
  if (first !== undefined && first.offset < deleted) {
    say('deleted-read', `${first.offset} after everything before ${deleted} was deleted`)
  } else if (poll.logStart < deleted)
    say('deleted-read', `log start ${poll.logStart} after a deletion up to ${deleted}`)
}

function checkRange(view: LogView, poll: Poll, watermark: Timeline, findings: Finding[]): void {
  if (view.facts.cleanup === 'delete' || poll.from > watermark.before(poll.begin)) return
  const isDeleted = view.deletions.some(
    ({ begin, outcome, before }) => begin < poll.end && outcome !== 'failed' && before > poll.from,
  )
  if (isDeleted) return
  findings.push(finding(view, 'truncated', `${poll.consumer}: offset ${poll.from} is out of range`))
}
