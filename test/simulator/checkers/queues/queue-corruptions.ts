import type { Draw } from '../clean-history.ts'
import type { Corruption } from '../corruptions.ts'
import { pick } from '../corruptions.ts'
import type { History } from '../history.ts'
import { queueLog, recordCount } from './clean-queues.ts'
import type { DeadRead, Delivered, QueueFetch, Word } from './queue-history.ts'

/** After everything else. */
const late = 1_000_000

/** Someone who comes when all is over, on a connection that lives on. */
interface Late {
  member: string
  /** Ticks and milliseconds after `late`. */
  at: number
  epoch?: number
}

function leadershipOf({ epoch = 900 }: Late) {
  return { tenure: `epoch ${epoch}`, epochLeast: epoch, epochMost: epoch }
}

function timesOf({ at, member }: Late) {
  const times = { begin: late + at, end: late + at + 1, beginMs: late + at, endMs: late + at + 1 }
  return { ...times, group: 'g', member, connection: member.charCodeAt(0) }
}

function lend(history: History, who: Late, offset: number, deliveryCount = 1): void {
  const messages = [{ offset, deliveryCount, value: `p.${offset}#v` }]
  const lent = [{ log: queueLog, leadership: leadershipOf(who), messages }]
  history.queues.fetches.push({ ...timesOf(who), outcome: 'ok', logs: [queueLog], lent })
}

/** Hears nothing new, which shows that the connection lives. */
function hear(history: History, who: Late): void {
  history.queues.fetches.push({ ...timesOf(who), outcome: 'ok', logs: [queueLog], lent: [] })
}

function say(history: History, who: Late, offset: number, word: Word, isRefused = false): void {
  const outcome = isRefused ? 'failed' : 'ok'
  const facts = { log: queueLog, leadership: leadershipOf(who), isRefused, words: [{ offset, word }] }
  history.queues.acknowledgings.push({ ...timesOf(who), outcome, ...facts })
}

/** Statements of the first group that were confirmed, by word. */
function confirmed(history: History, word: Word): { offset: number }[] {
  return history.queues.acknowledgings
    .filter(({ outcome, group }) => outcome === 'ok' && group === 'g')
    .flatMap(({ words }) => words.filter((each) => each.word === word))
}

function delivered(history: History, group: string): { fetch: QueueFetch; message: Delivered }[] {
  return history.queues.fetches
    .filter((fetch) => fetch.group === group)
    .flatMap((fetch) => fetch.lent.flatMap(({ messages }) => messages.map((message) => ({ fetch, message }))))
}

/** What nobody has ever said of a message, or lent. */
function forget(history: History, offset: number, isLentToo: boolean): void {
  const { queues } = history
  for (const each of queues.acknowledgings) each.words = each.words.filter((word) => word.offset !== offset)
  for (const { lent } of isLentToo ? queues.fetches : []) {
    for (const each of lent) each.messages = each.messages.filter((message) => message.offset !== offset)
  }
  for (const read of queues.deadReads) read.letters = read.letters.filter((letter) => letter.offset !== offset)
}

/** The dead letters with one that is surely there: of a message that was rejected when everything else was over. */
function withLetter(history: History): DeadRead[] {
  const offset = recordCount
  const value = `p.${offset}#v`
  for (const read of history.finalReads) read.records.push({ offset, key: 'k', value })
  lend(history, { member: 'a', at: 0 }, offset)
  say(history, { member: 'a', at: 10 }, offset, 'reject')
  for (const { letters } of history.queues.deadReads) {
    letters.push({ group: 'g', log: queueLog, offset, reason: 'rejected', deliveryCount: 1, value })
  }
  return history.queues.deadReads
}

function letterOf(history: History, read = 0) {
  return withLetter(history)[read]!.letters.at(-1)!
}

/** One corruption for each of several ways. */
function each(kind: string, ways: Record<string, (history: History, draw: Draw) => void>): Corruption[] {
  return Object.entries(ways).map(([name, apply]) => ({ kind, name, apply }))
}

const a = (at: number, epoch = 900): Late => ({ member: 'a', at, epoch })
const b = (at: number, epoch = 900): Late => ({ member: 'b', at, epoch })
/** A message that the log does not have: nothing else is known of it. */
const other = 500

const ofMessages: Corruption[] = [
  ...each('wrong-message', {
    'the bytes of another message': (history, draw) => {
      pick(delivered(history, 'g'), draw).message.value = 'p.9999#v'
    },
    'no record for what was lent': (history, draw) => {
      pick(delivered(history, 'g'), draw).message.value = undefined
    },
    'another group got the wrong one': (history, draw) => {
      pick(delivered(history, 'h'), draw).message.value = 'p.10000#v'
    },
  }),
  ...each('unwanted', {
    'a tag that nobody asked for': (history, draw) => {
      pick(delivered(history, 'h'), draw).message.value = 'p.2#v'
    },
    'a message without a tag': (history, draw) => {
      pick(delivered(history, 'h'), draw).message.value = 'p.0#v'
    },
    'the filter is forgotten': (history) => void (history.queues.groups[1]!.tag = 't0'),
  }),
  ...each('over-limit', {
    'one delivery too many': (history, draw) => void (pick(delivered(history, 'g'), draw).message.deliveryCount = 4),
    'a delivery that is none': (history, draw) => void (pick(delivered(history, 'g'), draw).message.deliveryCount = 0),
    'far too many in the other group': (history, draw) => {
      pick(delivered(history, 'h'), draw).message.deliveryCount = 1000
    },
  }),
  ...each('lost-progress', {
    'what was settled is open again': (history) => void (history.queues.progress.at(-1)!.startOffset = 3),
    'the group begins anew': (history) => void (history.queues.progress.at(-1)!.startOffset = -1),
    'one message is open again': (history) => void (history.queues.progress[1]!.startOffset -= 1),
  }),
]

const ofLocks: Corruption[] = [
  ...each('double-lock', {
    'two members hold a message': (history) => {
      lend(history, a(0), other)
      lend(history, b(100), other, 2)
      hear(history, a(200))
    },
    'a member gets what it holds': (history) => {
      lend(history, a(0), other)
      lend(history, a(100), other, 2)
      hear(history, a(200))
    },
    'a renewed lock ends early': (history) => {
      lend(history, a(0), other)
      say(history, a(700), other, 'renew')
      lend(history, b(1200), other, 2)
      hear(history, a(1300))
    },
  }),
  ...each('lost-lock', {
    'accepting in time is refused': (history) => {
      lend(history, a(0), other)
      say(history, a(100), other, 'accept', true)
    },
    'releasing in time is refused': (history) => {
      lend(history, a(0), other)
      say(history, a(700), other, 'release', true)
    },
    'a renewed lock is refused': (history) => {
      lend(history, a(0), other)
      say(history, a(700), other, 'renew')
      say(history, a(1400), other, 'accept', true)
    },
  }),
  ...each(
    'stolen-lock',
    Object.fromEntries(
      (['accept', 'reject', 'release'] as const).map((word) => [
        `${word} of what another had got meanwhile`,
        (history: History): void => {
          lend(history, a(0), other)
          lend(history, b(5000), other, 2)
          say(history, a(9000), other, word)
          lend(history, b(10_000), other - 1)
        },
      ]),
    ),
  ),
  ...each('delivery-count', {
    'a delivery is not counted': (history) => {
      lend(history, a(0), other)
      lend(history, b(5000), other)
    },
    'a count goes back': (history) => {
      lend(history, a(0), other, 3)
      lend(history, b(5000), other, 2)
    },
    'a confirmed count is forgotten with its leader': (history) => {
      lend(history, a(0), other, 2)
      say(history, a(100), other, 'release')
      lend(history, b(5000, 901), other, 1)
    },
  }),
]

const ofEnds: Corruption[] = [
  ...each('settled-again', {
    'what was accepted is lent again': (history, draw) => {
      lend(history, a(0), pick(confirmed(history, 'accept'), draw).offset)
    },
    'what was rejected is lent again by the next leader': (history) => {
      lend(history, a(0), other)
      say(history, a(100), other, 'reject')
      lend(history, b(200, 901), other)
    },
    'a drained group lends something': (history, draw) => lend(history, a(0), Math.floor(draw() * recordCount)),
  }),
  ...each('vanished', {
    'nobody has said anything': (history, draw) =>
      forget(history, pick(confirmed(history, 'accept'), draw).offset, false),
    'nobody has ever got it': (history, draw) => forget(history, Math.floor(draw() * recordCount), true),
    'all that was said was refused': (history, draw) => {
      const { offset } = pick(confirmed(history, 'accept'), draw)
      for (const read of history.queues.deadReads) read.letters = read.letters.filter((each) => each.offset !== offset)
      for (const each of history.queues.acknowledgings) {
        if (each.words.some((word) => word.offset === offset)) each.outcome = 'failed'
      }
    },
  }),
  ...each('lost-dead-letter', {
    'it is nowhere': (history) => {
      for (const { letters } of withLetter(history)) letters.pop()
    },
    'it was never there before the last crash': (history) => void withLetter(history)[0]!.letters.pop(),
    'the last crash has taken it': (history) => void withLetter(history)[1]!.letters.pop(),
  }),
  ...each('two-ends', {
    'accepted and dead': (history) => {
      withLetter(history)
      history.queues.acknowledgings.at(-1)!.words[0]!.word = 'accept'
      lend(history, b(100), 0)
    },
    'accepted and rejected': (history) => {
      lend(history, a(0), other)
      say(history, a(100), other, 'accept')
      say(history, a(200), other, 'reject')
      lend(history, b(300), other - 1)
    },
    'accepted by one and rejected by another': (history) => {
      lend(history, a(0), other)
      lend(history, b(5000), other, 2)
      say(history, b(5100), other, 'reject')
      say(history, a(5200), other, 'accept')
      lend(history, b(5300), other - 1)
    },
  }),
]

const ofDeadLetters: Corruption[] = [
  ...each('wrong-dead-letter', {
    'another message': (history) => void (letterOf(history).value = 'p.9999#v'),
    'of another group': (history) => void (letterOf(history).group = 'h'),
    'of a log that there is not': (history) => void (letterOf(history).log = 'nowhere/0'),
  }),
  ...each('early-dead-letter', {
    'nobody has rejected it': (history) => void (letterOf(history).offset = other),
    'it had deliveries left': (history) => {
      const letter = letterOf(history)
      letter.reason = 'delivery-limit'
      letter.deliveryCount = 2
    },
    'it cannot expire': (history) => void (letterOf(history).reason = 'expired'),
    'nobody ever got it so often': (history) => {
      const letter = letterOf(history)
      letter.reason = 'delivery-limit'
      letter.deliveryCount = 3
    },
  }),
  ...each('unread-dead-letters', {
    'before the last crash': (history) => void (history.queues.deadReads[0]!.complete = false),
    'after it': (history) => void (history.queues.deadReads[1]!.complete = false),
    'either time': (history) => {
      for (const read of history.queues.deadReads) read.complete = false
    },
  }),
]

/** Each makes one wrong thing out of a clean history of queues. */
export const queueCorruptions: readonly Corruption[] = [...ofMessages, ...ofLocks, ...ofEnds, ...ofDeadLetters]
