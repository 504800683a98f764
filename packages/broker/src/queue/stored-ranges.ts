import type { StoredRange } from './queue-store.ts'

/** `changes` over `base`; both, and the result, in rising order without overlaps. Neighbours that are alike become one. */
export function overlay(base: readonly StoredRange[], changes: readonly StoredRange[]): StoredRange[] {
  const result: StoredRange[] = []
  let next = 0
  let from = Number.NEGATIVE_INFINITY
  for (const change of changes) {
    for (; next < base.length && base[next]!.firstOffset < change.firstOffset; next++) {
      push(result, base[next]!, from, change.firstOffset - 1)
      if (base[next]!.lastOffset >= change.firstOffset) break
    }
    push(result, change, change.firstOffset, change.lastOffset)
    from = change.lastOffset + 1
    while (next < base.length && base[next]!.lastOffset < from) next++
  }
  for (; next < base.length; next++) push(result, base[next]!, from, Number.POSITIVE_INFINITY)
  return result
}

/** Without what lies below `startOffset`. */
export function cutBefore(ranges: readonly StoredRange[], startOffset: number): readonly StoredRange[] {
  const first = ranges[0]
  if (first === undefined || first.firstOffset >= startOffset) return ranges
  return ranges
    .filter(({ lastOffset }) => lastOffset >= startOffset)
    .map((range) => (range.firstOffset >= startOffset ? range : { ...range, firstOffset: startOffset }))
}

/** Without what need not be stored, for it is so where nothing is. */
export function withoutPristine(ranges: readonly StoredRange[]): readonly StoredRange[] {
  const isPristine = ({ state, deliveryCount }: StoredRange): boolean => state === 'ready' && deliveryCount === 0
  return ranges.some(isPristine) ? ranges.filter((range) => !isPristine(range)) : ranges
}

function push(result: StoredRange[], range: StoredRange, from: number, to: number): void {
  const firstOffset = Math.max(range.firstOffset, from)
  const lastOffset = Math.min(range.lastOffset, to)
  if (firstOffset > lastOffset) return
  const before = result.at(-1)
  const { state, deliveryCount } = range
  if (before?.lastOffset === firstOffset - 1 && areAlike(before, range)) {
    // What is over is one range, however it ended: else it would grow without end behind a message that is not.
    const merged = before.state === state ? state : 'accepted'
    result[result.length - 1] = { ...before, lastOffset, state: merged }
  } else result.push({ firstOffset, lastOffset, state, deliveryCount })
}

function areAlike(a: StoredRange, b: StoredRange): boolean {
  if (a.state === 'ready' || b.state === 'ready') return a.state === b.state && a.deliveryCount === b.deliveryCount
  return true
}
