import { cleanLog } from './clean-history.ts'
import type { Draw } from './clean-history.ts'
import type { History, Poll, Send } from './history.ts'
import { topicOf } from './history.ts'

export interface Corruption {
  /** What a checker must call it. */
  kind: string
  name: string
  apply: (history: History, draw: Draw) => void
}

export function pick<T>(list: readonly T[], draw: Draw): T {
  if (list.length === 0) throw new Error('nothing to corrupt')
  return list[Math.floor(draw() * list.length)]!
}

const end = 1_000_000

function readable(history: History, count = 1): Poll[] {
  return history.polls.filter(({ outcome, records }) => outcome === 'ok' && records.length >= count)
}

/** Acknowledged batches that the final reads show. */
function kept(history: History): Send[] {
  const { start } = history.finalReads[0]!
  return history.sends.filter(({ outcome, baseOffset }) => outcome === 'ok' && baseOffset >= start)
}

function lastPoll(history: History): Poll {
  const { start, records } = history.finalReads[0]!
  const bounds = { highWatermark: start + records.length, logStart: start }
  const poll: Poll = {
    begin: end,
    end: end + 1,
    log: cleanLog,
    consumer: 'late',
    from: start,
    outcome: 'ok',
    records: [],
    ...bounds,
  }
  history.polls.push(poll)
  return poll
}

/** Each makes one wrong thing out of a clean history. */
export const corruptions: Corruption[] = [
  {
    kind: 'lost-write',
    name: 'an acknowledged record is missing at the end',
    apply: (history, draw) => {
      const lost = pick(kept(history), draw).baseOffset
      for (const read of history.finalReads) read.records = read.records.filter(({ offset }) => offset !== lost)
    },
  },
  {
    kind: 'lost-write',
    name: 'the log ends too early after the last crash',
    apply: (history, draw) => {
      const lost = pick(kept(history), draw).baseOffset
      const read = history.finalReads.at(-1)!
      read.records = read.records.filter(({ offset }) => offset < lost)
      read.end = lost
    },
  },
  {
    kind: 'unseen',
    name: 'acknowledged without an offset and nowhere',
    apply: (history) => {
      const read = history.finalReads[0]!
      history.deletions = []
      for (const each of history.finalReads) each.start = 0
      const record = { key: 'k', value: 'never seen' }
      const facts = { log: cleanLog, producer: 'p9', idempotent: true, index: 0, records: [record], baseOffset: -1 }
      history.sends.push({ begin: read.end, end, outcome: 'ok', ...facts })
    },
  },
  {
    kind: 'lost-start',
    name: 'the log begins later than was deleted',
    apply: (history) => {
      const deleted = Math.max(0, ...history.deletions.map(({ before }) => before))
      for (const read of history.finalReads) read.start = deleted + 1
    },
  },
  {
    kind: 'unread',
    name: 'the final read did not get through',
    apply: (history, draw) => void (pick(history.finalReads, draw).complete = false),
  },
  {
    kind: 'inconsistent-offsets',
    name: 'two values at one offset',
    apply: (history, draw) => {
      const poll = pick(readable(history), draw)
      const other = pick(history.sends, draw).records[0]!.value
      const record = poll.records[0]!
      poll.records[0] = { ...record, value: other === record.value ? 'other' : other }
    },
  },
  {
    kind: 'duplicate',
    name: 'a value at two offsets',
    apply: (history, draw) => {
      const [first, second] = pick(readable(history, 2), draw).records
      for (const read of history.finalReads) {
        read.records = read.records.map((each) =>
          each.offset === second!.offset ? { ...each, value: first!.value } : each,
        )
        if (read.start > first!.offset) read.records.unshift({ ...first!, offset: second!.offset })
      }
    },
  },
  {
    kind: 'unexpected-value',
    name: 'bytes that nobody sent',
    apply: (history, draw) => {
      const poll = pick(readable(history), draw)
      poll.records[0] = { ...poll.records[0]!, value: 'rotten' }
    },
  },
  {
    kind: 'refused-value',
    name: 'a refused batch was stored',
    apply: (history, draw) => {
      const poll = pick(readable(history), draw)
      const value = poll.records[0]!.value
      const send = history.sends.find(({ records }) => records.some((record) => record.value === value))!
      send.outcome = 'failed'
    },
  },
  {
    kind: 'producer-order',
    name: 'batches of an idempotent producer change places',
    apply: (history) => {
      const sends = history.sends.filter(({ idempotent, outcome }) => idempotent && outcome === 'ok')
      const first = sends[0]!
      const second = sends.find(({ producer, begin }) => producer === first.producer && begin > first.begin)!
      ;[first.index, second.index] = [second.index, first.index]
    },
  },
  {
    kind: 'real-time-order',
    name: 'a later record stands before one acknowledged earlier',
    apply: (history, draw) => {
      const send = pick(kept(history), draw)
      send.begin = end
      send.end = end + 1
      const after = { key: 'k', value: 'w' }
      const facts = { log: cleanLog, producer: 'p8', idempotent: false, index: 0, records: [after] }
      history.sends.push({ begin: 0, end: 1, outcome: 'ok', ...facts, baseOffset: send.baseOffset + 1000 })
    },
  },
  {
    kind: 'sequence-lost',
    name: 'the broker does not know the producer any more',
    apply: (history, draw) => void (pick(history.sends, draw).error = 'OUT_OF_ORDER_SEQUENCE_NUMBER'),
  },
  {
    kind: 'lost-topic',
    name: 'the broker does not know a topic any more',
    apply: (history, draw) => void (pick(history.sends, draw).error = 'UNKNOWN_TOPIC_ID'),
  },
  {
    kind: 'poll-skip',
    name: 'an answer begins too late',
    apply: (history, draw) => void pick(readable(history, 2), draw).records.shift(),
  },
  {
    kind: 'int-poll-skip',
    name: 'an answer has a hole',
    apply: (history, draw) => void pick(readable(history, 3), draw).records.splice(1, 1),
  },
  {
    kind: 'nonmonotonic-poll',
    name: 'an answer goes back',
    apply: (history, draw) => void pick(readable(history, 2), draw).records.reverse(),
  },
  {
    kind: 'stale-watermark',
    name: 'a high watermark goes back',
    apply: (history) => {
      lastPoll(history)
      const poll = lastPoll(history)
      poll.begin = end + 2
      poll.highWatermark -= 1
    },
  },
  {
    kind: 'above-watermark',
    name: 'a record beyond the high watermark',
    apply: (history, draw) => {
      const poll = pick(readable(history), draw)
      poll.highWatermark = poll.records.at(-1)!.offset
    },
  },
  {
    kind: 'stale-start',
    name: 'the log start goes back',
    apply: (history) => {
      history.deletions = []
      lastPoll(history).logStart = 5000
      const poll = lastPoll(history)
      poll.begin = end + 2
      poll.logStart = 4999
    },
  },
  {
    kind: 'deleted-read',
    name: 'deleted records are back',
    apply: (history) => {
      const poll = lastPoll(history)
      const before = poll.highWatermark
      history.deletions.push({ begin: end - 2, end: end - 1, outcome: 'ok', log: cleanLog, before })
      poll.records = history.finalReads[0]!.records.slice(0, 1)
    },
  },
  {
    kind: 'deleted-topic',
    name: 'a deleted topic can be read',
    apply: (history) => {
      lastPoll(history)
      history.topicDeletions.push({ begin: end - 2, end: end - 1, outcome: 'ok', topicId: topicOf(cleanLog) })
    },
  },
  {
    kind: 'truncated',
    name: 'an offset that had been there is out of range',
    apply: (history) => {
      lastPoll(history)
      const poll = lastPoll(history)
      poll.begin = end + 2
      poll.outcome = 'out-of-range'
      poll.from = poll.highWatermark
    },
  },
  {
    kind: 'lost-commit',
    name: 'an older committed offset is back',
    apply: (history) => {
      history.commits.push({ begin: end, end: end + 1, outcome: 'ok', group: 'g', log: cleanLog, offset: 77_777 })
      history.commits.push({ begin: end + 2, end: end + 3, outcome: 'ok', group: 'g', log: cleanLog, offset: 77_778 })
      history.commitReads.push({ begin: end + 4, end: end + 5, group: 'g', log: cleanLog, offset: 77_777 })
    },
  },
  {
    kind: 'lost-commit',
    name: 'a committed offset is gone',
    apply: (history) => {
      history.commits.push({ begin: end, end: end + 1, outcome: 'ok', group: 'h', log: cleanLog, offset: 1 })
      history.commitReads.push({ begin: end + 2, end: end + 3, group: 'h', log: cleanLog, offset: -1 })
    },
  },
  {
    kind: 'double-assignment',
    name: 'two members have one log',
    apply: (history, draw) => {
      const assignment = pick(history.assignments, draw)
      history.assignments.push({ ...assignment, member: 'another' })
    },
  },
  {
    kind: 'liveness',
    name: 'something did not end',
    apply: (history) => void history.unfinished.push('p1'),
  },
]
