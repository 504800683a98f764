import type { ErrorCode } from '../errors/errors.ts'
import type { Acknowledgement, AcknowledgeType } from './queue-messages.ts'
import type { RangeWindow } from './range-window.ts'

/** Offsets of which a member says the same. */
export interface PlannedStep {
  readonly first: number
  readonly last: number
  readonly type: AcknowledgeType
  readonly retryDelayMs: number | undefined
  readonly rejectReason: string | undefined
}

/** What a request does, offset by offset, if the member holds all of it; else why it may not do it. */
export function planAcknowledgement(
  window: RangeWindow,
  memberId: string,
  acknowledgements: readonly Acknowledgement[],
): readonly PlannedStep[] | ErrorCode {
  const steps: PlannedStep[] = []
  let behind = -1
  for (const acknowledgement of acknowledgements) {
    const { firstOffset, lastOffset, types } = acknowledgement
    const isWhole = types.length === 1 || types.length === lastOffset - firstOffset + 1
    if (firstOffset <= behind || lastOffset < firstOffset || !isWhole) return 'invalid-request'
    behind = lastOffset
    // What lies before the start is settled, or the log has lost it; nobody can do anything about that.
    if (lastOffset < window.startOffset) continue
    if (!isHeld(window, memberId, Math.max(firstOffset, window.startOffset), lastOffset)) return 'invalid-record-state'
    addSteps(steps, acknowledgement, window.startOffset)
  }
  return steps
}

function isHeld(window: RangeWindow, memberId: string, first: number, last: number): boolean {
  if (last >= window.endOffset) return false
  const ranges = window.ranges()
  for (let index = window.indexFrom(first); index < ranges.length && ranges[index]!.first <= last; index++) {
    const range = ranges[index]!
    if (range.state !== 'acquired' || range.memberId !== memberId) return false
  }
  return true
}

function addSteps(steps: PlannedStep[], acknowledgement: Acknowledgement, startOffset: number): void {
  const { firstOffset, lastOffset, types, retryDelayMs, rejectReason } = acknowledgement
  const from = Math.max(firstOffset, startOffset)
  if (types.length === 1) {
    push(steps, { first: from, last: lastOffset, type: types[0]!, retryDelayMs, rejectReason })
    return
  }
  for (let first = from; first <= lastOffset; ) {
    const type = types[first - firstOffset]!
    let last = first
    while (last < lastOffset && types[last + 1 - firstOffset] === type) last++
    push(steps, { first, last, type, retryDelayMs, rejectReason })
    first = last + 1
  }
}

/** Clients that speak of each message by itself mostly say the same of many: one change is enough for those. */
function push(steps: PlannedStep[], step: PlannedStep): void {
  const before = steps.at(-1)
  if (before?.last === step.first - 1 && saysTheSame(before, step)) {
    steps[steps.length - 1] = { ...step, first: before.first }
  } else steps.push(step)
}

function saysTheSame(a: PlannedStep, b: PlannedStep): boolean {
  return a.type === b.type && a.retryDelayMs === b.retryDelayMs && a.rejectReason === b.rejectReason
}
