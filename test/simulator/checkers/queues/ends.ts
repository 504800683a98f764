import type { Finding } from '../history.ts'
import { describe, isStale, queueFinding, wasOpen } from './message-story.ts'
import type { MessageStory, QueueView, Statement } from './message-story.ts'
import { tagOf } from './queue-history.ts'

/**
 * Each message ends once. settled-again: a message was lent after it was settled for sure, or after its group had been drained.
 * vanished: the group is drained, and nobody has accepted, rejected or buried the message. lost-dead-letter: it was rejected for
 * sure, and is not among the dead letters. two-ends: it was settled in two ways.
 *
 * A message may be accepted and be among the dead letters where its reject, or its last release, was not confirmed or its leader
 * changed: the copy is written first, and if that is all that happens the message is delivered again (ADR 9).
 */
export function checkEnds(view: QueueView, findings: Finding[]): void {
  const say = (kind: string, detail: string): void => void findings.push(queueFinding(view, kind, detail))
  const [drained] = view.progress
  for (const story of view.stories.values()) {
    const settled = story.statements.filter(isSettledFor)
    checkAgain(story, settled, drained, say)
    if (view.isRotten) continue
    const words = new Set(settled.map(({ word }) => word))
    if (words.size > 1 && settled.every((each) => wasOpen(view, story.offset, each))) {
      say('two-ends', `${story.offset} was settled by ${[...words].join(' and ')}`)
    }
    checkLetters(view, story, settled, say)
  }
  if (view.isRotten || drained === undefined || view.finalRead?.complete !== true) return
  for (const { offset, value } of view.finalRead.records) {
    if (
      offset < view.deletedBefore ||
      offset >= drained.endOffset ||
      (view.group.tag !== '' && tagOf(value) !== view.group.tag)
    )
      continue
    if (!hasEnd(view, offset)) say('vanished', `${value} at ${offset} is done with, and nobody knows why`)
  }
}

type Say = (kind: string, detail: string) => void

function isSettledFor({ acknowledging, word }: Statement): boolean {
  return acknowledging.outcome === 'ok' && (word === 'accept' || word === 'reject' || word === 'gap')
}

function checkAgain(
  { offset, deliveries }: MessageStory,
  settled: readonly Statement[],
  drained: QueueView['progress'][number] | undefined,
  say: Say,
): void {
  for (const delivery of deliveries) {
    const { fetch, leadership } = delivery
    const before = settled.find(
      ({ acknowledging }) => fetch.begin > acknowledging.end && !isStale(leadership, acknowledging.leadership),
    )
    if (before !== undefined) {
      say('settled-again', `${describe(delivery)}, after ${before.acknowledging.member} had said ${before.word}`)
    } else if (drained !== undefined && fetch.begin > drained.end && offset < drained.endOffset) {
      say('settled-again', `${describe(delivery)}, after all before ${drained.endOffset} was settled`)
    }
  }
}

function checkLetters(view: QueueView, story: MessageStory, settled: readonly Statement[], say: Say): void {
  if (view.deadLetters === undefined) return
  const { offset, deliveries, statements } = story
  const isAccepted = statements.some(
    ({ acknowledging, word }) => acknowledging.outcome !== 'failed' && (word === 'accept' || word === 'gap'),
  )
  const isRejected = settled.some(({ word }) => word === 'reject')
  // What the log has lost meanwhile could not be copied.
  const isThere =
    offset >= view.deletedBefore && view.finalRead?.records.some((record) => record.offset === offset) === true
  const tenures = new Set([...deliveries, ...settled.map(({ acknowledging }) => acknowledging)].map(tenureOf))
  const isSure = tenures.size === 1 && !tenures.has('') && view.lostFetches.length === 0
  const isUnsure = statements.some(({ acknowledging }) => acknowledging.outcome !== 'ok' && !acknowledging.isRefused)
  const accepted = settled.find((each) => each.word === 'accept' && wasOpen(view, offset, each))
  for (const letters of view.deadLetters) {
    const isDead = letters.has(offset)
    if (isRejected && !isAccepted && !isDead && isThere)
      say('lost-dead-letter', `${offset} was rejected and is not there`)
    if (accepted !== undefined && isDead && isSure && !isUnsure) {
      say('two-ends', `${offset} was accepted and is a dead letter`)
    }
  }
}

function tenureOf({ leadership }: { leadership: { tenure: string } }): string {
  return leadership.tenure
}

/** Something that may have settled the message. */
function hasEnd({ group, stories, deadLetters, lostFetches }: QueueView, offset: number): boolean {
  const story = stories.get(offset)
  const isSaid = story?.statements.some(
    ({ acknowledging, word }) => acknowledging.outcome !== 'failed' && (word === 'accept' || word === 'reject'),
  )
  if (isSaid === true) return true
  if (deadLetters !== undefined) return deadLetters.length === 0 || deadLetters[0]!.has(offset)
  const deliveryCount = (story?.deliveries.length ?? 0) + lostFetches.length
  return group.hasTtl || deliveryCount >= group.deliveryCountMax
}
