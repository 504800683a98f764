import type { Finding, Send } from './history.ts'
import type { LogView } from './log-view.ts'
import { finding } from './placement.ts'
import type { Placement } from './placement.ts'
import { Timeline } from './timeline.ts'

/**
 * producer-order: records of an idempotent producer stand in another order than it sent them. real-time-order: a record
 * whose sending began after another was acknowledged stands before that one. sequence-lost: the broker refused a sequence
 * number that follows everything it has acknowledged. lost-topic: it does not know a topic that it has made.
 */
export function checkOrder(view: LogView, placement: Placement, findings: Finding[]): void {
  const placed = view.sends
    .map((send) => ({ send, offset: offsetOf(send, placement) }))
    .filter(({ offset }) => offset >= 0)
  const acknowledged = new Timeline()
  for (const { send, offset } of placed) {
    if (send.outcome === 'ok') acknowledged.add(send.end, offset + send.records.length - 1)
  }
  for (const { send, offset } of placed) {
    const before = acknowledged.before(send.begin)
    if (before < offset) continue
    const detail = `${send.records[0]!.value} at ${offset} was sent after ${before} was acknowledged`
    findings.push(finding(view, 'real-time-order', detail))
  }
  const last = new Map<string, { index: number; offset: number }>()
  for (const { send, offset } of placed.toSorted((one, other) => one.send.index - other.send.index)) {
    if (!send.idempotent) continue
    const previous = last.get(send.producer)
    last.set(send.producer, { index: send.index, offset })
    if (previous === undefined || previous.offset < offset) continue
    const detail = `${send.producer}: record ${previous.index} at ${previous.offset}, record ${send.index} at ${offset}`
    findings.push(finding(view, 'producer-order', detail))
  }
  for (const send of view.sends) {
    if (send.error === 'OUT_OF_ORDER_SEQUENCE_NUMBER' || send.error === 'UNKNOWN_PRODUCER_ID') {
      findings.push(finding(view, 'sequence-lost', `${send.records[0]!.value}: ${send.error}`))
    }
    if (send.error?.startsWith('UNKNOWN_TOPIC') && view.topicDeletions.length === 0) {
      findings.push(finding(view, 'lost-topic', `${send.records[0]!.value}: ${send.error}`))
    }
  }
}

function offsetOf(send: Send, placement: Placement): number {
  if (send.outcome === 'ok' && send.baseOffset >= 0) return send.baseOffset
  return placement.offsetOf.get(send.records[0]!.value) ?? -1
}
