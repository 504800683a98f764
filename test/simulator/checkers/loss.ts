import type { FinalRead, Finding, SeenRecord } from './history.ts'
import type { LogView } from './log-view.ts'
import { finding } from './placement.ts'
import type { Placement } from './placement.ts'

/**
 * lost-write: acknowledged or read once, and not in the final read although the log begins before it and, in a compacted
 * log, no later record has its key. unseen: acknowledged without an offset, and nowhere. lost-start: the log begins
 * later than anyone asked for. unread: the final read could not be finished.
 */
export function checkLoss(view: LogView, placement: Placement, findings: Finding[]): void {
  if (view.topicDeletions.length > 0) return
  if (view.finalReads.length === 0 && !view.facts.rotten) findings.push(finding(view, 'unread', 'no final read'))
  for (const read of view.finalReads) {
    if (!read.complete) {
      if (!view.facts.rotten) findings.push(finding(view, 'unread', `the final read stopped before ${read.end}`))
      continue
    }
    checkStart(view, read, findings)
    checkPresence(view, read, placement, findings)
  }
}

function checkStart(view: LogView, read: FinalRead, findings: Finding[]): void {
  if (view.facts.cleanup === 'delete') return
  const asked = view.deletions.reduce(
    (most, { before, outcome }) => (outcome === 'failed' ? most : Math.max(most, before)),
    0,
  )
  if (read.start <= asked) return
  findings.push(finding(view, 'lost-start', `the log begins at ${read.start}, deleted was up to ${asked}`))
}

function checkPresence(view: LogView, read: FinalRead, placement: Placement, findings: Finding[]): void {
  const present = new Map(read.records.map(({ offset, value }) => [offset, value]))
  const newestOfKey = newestOffsets(read.records)
  const isSuperseded = (key: string, offset: number): boolean =>
    view.facts.cleanup === 'compact' && (newestOfKey.get(key) ?? -1) > offset
  const expect = (offset: number, key: string, value: string, why: string): void => {
    if (offset < read.start || present.get(offset) === value || isSuperseded(key, offset)) return
    findings.push(finding(view, 'lost-write', `${value} at ${offset} was ${why}, the final read ends at ${read.end}`))
  }
  for (const send of view.sends) {
    if (send.outcome !== 'ok') continue
    for (const [index, { key, value }] of send.records.entries()) {
      if (send.baseOffset >= 0) expect(send.baseOffset + index, key, value, 'acknowledged')
      else if (read.start === 0 && view.facts.cleanup === 'none' && !placement.offsetOf.has(value)) {
        findings.push(finding(view, 'unseen', `${value} was acknowledged and is nowhere`))
      }
    }
  }
  for (const poll of view.polls) {
    for (const { offset, key, value } of poll.records) expect(offset, key, value, 'read')
  }
}

function newestOffsets(records: readonly SeenRecord[]): Map<string, number> {
  const newest = new Map<string, number>()
  for (const { key, offset } of records) newest.set(key, Math.max(newest.get(key) ?? -1, offset))
  return newest
}
