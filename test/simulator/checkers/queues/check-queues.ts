import type { Finding, History } from '../history.ts'
import { checkDeadLetters } from './dead-letters.ts'
import { checkEnds } from './ends.ts'
import { checkLocks } from './locks.ts'
import { queueFinding, queueViews } from './message-story.ts'
import type { MessageStory, QueueView } from './message-story.ts'
import { tagOf } from './queue-history.ts'

/**
 * What work queues must never do. The kinds of findings stand with the checks: here wrong-message (another record than the log
 * has at that offset, or none, was lent), unwanted (the group's filter lets it not through), over-limit (delivered more often than
 * the group allows) and lost-progress (what is settled was said to be less than before).
 */
export function checkQueues(history: History, findings: Finding[]): void {
  const views = queueViews(history)
  for (const view of views) {
    for (const story of view.stories.values()) checkMessages(view, story, findings)
    checkLocks(view, history.queues, findings)
    checkEnds(view, findings)
    checkProgress(view, findings)
  }
  checkDeadLetters(history.queues, views, findings)
}

function checkMessages(view: QueueView, { offset, deliveries }: MessageStory, findings: Finding[]): void {
  const { group, values, isCompacted } = view
  const say = (kind: string, detail: string): void => void findings.push(queueFinding(view, kind, detail))
  for (const { fetch, message } of deliveries) {
    const known = values.get(offset)
    const { value, deliveryCount } = message
    // Compaction may have taken the record away, and left the batch that it was in.
    if (value === undefined && known !== undefined && !isCompacted) {
      say('wrong-message', `${fetch.member} was lent ${offset} without ${known}`)
    }
    if (value !== undefined && known !== undefined && known !== value) {
      say('wrong-message', `${fetch.member} got ${value} for ${offset}, which is ${known}`)
    }
    if (value !== undefined && group.tag !== '' && tagOf(value) !== group.tag) {
      say('unwanted', `${fetch.member} got ${value} at ${offset} with another tag than ${group.tag}`)
    }
    if (deliveryCount < 1 || deliveryCount > group.deliveryCountMax) {
      say('over-limit', `${offset} was delivered for time ${deliveryCount} of ${group.deliveryCountMax}`)
    }
  }
}

function checkProgress(view: QueueView, findings: Finding[]): void {
  let most = -1
  for (const { startOffset } of view.progress) {
    if (startOffset < most && !view.isRotten) {
      findings.push(queueFinding(view, 'lost-progress', `all before ${startOffset} is settled, it was ${most}`))
    }
    most = Math.max(most, startOffset)
  }
}
