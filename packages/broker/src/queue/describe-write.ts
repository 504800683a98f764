import type { ChangeBatch } from './change.ts'
import type { QueueWrite, StoredRange } from './queue-store.ts'
import type { QueueRange, RangeWindow } from './range-window.ts'

/** What the store is told of a batch: what changes, and where the queue begins once that is so. */
export function describeWrite(
  window: RangeWindow,
  { changes }: ChangeBatch,
): Omit<QueueWrite, 'stateEpoch' | 'leaderEpoch'> {
  const inBatch = new Set(changes)
  const isSettled = ({ state, change }: QueueRange): boolean =>
    state === 'settled' || (change !== undefined && change.to !== 'released' && inBatch.has(change))
  let { startOffset } = window
  let settledCount = 0
  for (const range of window.ranges()) {
    if (!isSettled(range)) continue
    if (range.first === startOffset) startOffset = range.last + 1
    else settledCount += range.last - range.first + 1
  }
  const ranges = changes
    .filter(({ last }) => last >= startOffset)
    .map(({ first, last, to, deliveryCount }) => {
      const state: StoredRange['state'] = to === 'released' ? 'ready' : to
      return { firstOffset: Math.max(first, startOffset), lastOffset: last, state, deliveryCount }
    })
    .toSorted((a, b) => a.firstOffset - b.firstOffset)
  return { startOffset, settledCount, ranges }
}
