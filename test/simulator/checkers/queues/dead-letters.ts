import type { Finding } from '../history.ts'
import type { QueueView } from './message-story.ts'
import type { DeadLetter, DeadRead, QueueHistory } from './queue-history.ts'

/**
 * wrong-dead-letter: not a copy of what the log has there, or not of this group. early-dead-letter: nobody has rejected the message,
 * it was not delivered as often as the group allows, nor could it expire. unread-dead-letters: they could not be read to their end.
 * Twice is once too often only where nothing has failed (ADR 9), which a history does not tell: it is allowed.
 */
export function checkDeadLetters({ deadReads }: QueueHistory, views: readonly QueueView[], findings: Finding[]): void {
  const byName = new Map(views.map((view) => [`${view.group.name} ${view.log}`, view]))
  for (const read of deadReads) {
    const say = (kind: string, detail: string): void => void findings.push({ kind, where: read.group, detail })
    if (!read.complete) say('unread-dead-letters', 'reading them stopped before their end')
    for (const letter of read.letters) checkLetter(read, letter, byName.get(`${letter.group} ${letter.log}`), say)
  }
}

function checkLetter(
  { group }: DeadRead,
  letter: DeadLetter,
  view: QueueView | undefined,
  say: (kind: string, detail: string) => void,
): void {
  const what = `${letter.value} of ${letter.log} at ${letter.offset}`
  if (letter.group !== group || view === undefined) return say('wrong-dead-letter', `${what} is of ${letter.group}`)
  const known = view.values.get(letter.offset)
  if (known !== undefined && known !== letter.value) return say('wrong-dead-letter', `${what} is ${known} in its log`)
  const why = earlyBecause(view, letter)
  if (why !== undefined) say('early-dead-letter', `${what} is given up (${letter.reason}), ${why}`)
}

function earlyBecause({ group, stories, lostFetches }: QueueView, letter: DeadLetter): string | undefined {
  const { reason, offset, deliveryCount } = letter
  const { deliveries = [], statements = [] } = stories.get(offset) ?? {}
  if (reason === 'expired') return group.hasTtl ? undefined : 'but messages of the group do not expire'
  if (reason === 'rejected') {
    const isRejected = statements.some(
      ({ acknowledging, word }) => word === 'reject' && acknowledging.outcome !== 'failed',
    )
    return isRejected ? undefined : 'but nobody has rejected it'
  }
  if (reason !== 'delivery-limit') return 'which is no reason'
  if (deliveryCount !== group.deliveryCountMax) return `after ${deliveryCount} of ${group.deliveryCountMax} deliveries`
  const seen = deliveries.length + lostFetches.length
  return seen < deliveryCount ? `but was delivered ${seen} times at most` : undefined
}
