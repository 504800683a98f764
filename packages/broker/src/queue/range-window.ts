import { assert } from '../errors/errors.ts'
import type { Change, DeadReason } from './change.ts'

/**
 * - `ready`: anybody may have it
 * - `acquired`: with a member until its lock runs out
 * - `changing`: on its way to another state, which is being written
 * - `waiting`: ready again at a later time
 * - `settled`: over
 */
export type RangeState = 'ready' | 'acquired' | 'changing' | 'waiting' | 'settled'

/** Offsets that follow each other and have everything in common. */
export interface QueueRange {
  first: number
  last: number
  state: RangeState
  /** Deliveries so far, a present one included. */
  deliveryCount: number
  /** Who holds it; '' for nobody. Kept while `changing`, for the case that the change fails. */
  memberId: string
  /** Monotonic milliseconds: end of the lock, or of the wait. */
  untilMs: number
  /** What it is `changing` to. */
  change: Change | undefined
  /** Set while it waits for the next attempt to put it among the dead letters. */
  deadReason: DeadReason | undefined
}

/** A range without past, as everything behind the window is. */
function readyRange(first: number, last: number, deliveryCount: number): QueueRange {
  return {
    first,
    last,
    state: 'ready',
    deliveryCount,
    memberId: '',
    untilMs: 0,
    change: undefined,
    deadReason: undefined,
  }
}

/**
 * The part of a queue about which there is something to say, as ranges without gaps between them; neighbours that have
 * everything in common are one. What lies before the window is settled, what lies behind it is ready and was never delivered.
 */
export class RangeWindow {
  #ranges: QueueRange[] = []
  #startOffset: number

  constructor(startOffset: number) {
    this.#startOffset = startOffset
  }

  get startOffset(): number {
    return this.#startOffset
  }

  /** Behind the last offset of the window. */
  get endOffset(): number {
    const last = this.#ranges.at(-1)
    return last === undefined ? this.#startOffset : last.last + 1
  }

  get rangeCount(): number {
    return this.#ranges.length
  }

  ranges(): readonly QueueRange[] {
    return this.#ranges
  }

  /** The range that holds `offset`, which must lie in the window. */
  at(offset: number): QueueRange {
    return this.#ranges[this.#indexAt(offset)]!
  }

  /** Index of the first range that ends at or behind `offset`; the number of ranges if none does. */
  indexFrom(offset: number): number {
    return offset >= this.endOffset ? this.#ranges.length : offset <= this.#startOffset ? 0 : this.#indexAt(offset)
  }

  /** Makes the window reach up to and including `last`. */
  extendTo(last: number): void {
    const { endOffset } = this
    if (last < endOffset) return
    const end = this.#ranges.at(-1)
    const added = readyRange(endOffset, last, 0)
    if (end !== undefined && areAlike(end, added)) end.last = last
    else this.#ranges.push(added)
  }

  /**
   * Calls `visit` with each range of `first` to `last`, cut to these; it may change anything but the offsets. Both must lie
   * in the window.
   */
  update(first: number, last: number, visit: (range: QueueRange) => void): void {
    assert(first >= this.#startOffset && first <= last && last < this.endOffset, 'an update within the window')
    const from = this.#cut(first)
    const to = this.#cut(last + 1)
    for (let index = from; index < to; index++) visit(this.#ranges[index]!)
    this.#join(Math.max(0, from - 1), Math.min(this.#ranges.length - 1, to))
  }

  /** Forgets what lies before `offset`. */
  dropBefore(offset: number): void {
    if (offset <= this.#startOffset) return
    if (offset >= this.endOffset) this.#ranges = []
    else this.#ranges.splice(0, this.#cut(offset))
    this.#startOffset = offset
  }

  /**
   * Moves the start over what is settled, the end back over what is as if the window did not reach so far.
   * @returns how many offsets the end went back
   */
  trim(): number {
    const ranges = this.#ranges
    let settled = 0
    while (ranges[settled]?.state === 'settled') settled++
    if (settled > 0) {
      this.#startOffset = ranges[settled - 1]!.last + 1
      ranges.splice(0, settled)
    }
    const { endOffset } = this
    for (let end = ranges.at(-1); end?.state === 'ready' && end.deliveryCount === 0; end = ranges.at(-1)) ranges.pop()
    return endOffset - this.endOffset
  }

  #indexAt(offset: number): number {
    const ranges = this.#ranges
    let low = 0
    let high = ranges.length - 1
    while (low < high) {
      const middle = (low + high) >>> 1
      if (ranges[middle]!.last < offset) low = middle + 1
      else high = middle
    }
    return low
  }

  /** Index of the range that begins at `offset`, made so if need be; the number of ranges at the end of the window. */
  #cut(offset: number): number {
    if (offset >= this.endOffset) return this.#ranges.length
    const index = this.#indexAt(offset)
    const range = this.#ranges[index]!
    if (range.first === offset) return index
    this.#ranges.splice(index + 1, 0, { ...range, first: offset })
    range.last = offset - 1
    return index + 1
  }

  /** Makes neighbours in these places one where they can be. */
  #join(from: number, to: number): void {
    const ranges = this.#ranges
    let kept = from
    for (let index = from + 1; index <= to; index++) {
      const range = ranges[index]!
      const before = ranges[kept]!
      if (areAlike(before, range)) before.last = range.last
      else ranges[++kept] = range
    }
    if (kept < to) ranges.splice(kept + 1, to - kept)
  }
}

function areAlike(a: QueueRange, b: QueueRange): boolean {
  if (a.state !== b.state) return false
  // How often it was delivered is of no interest any more.
  if (a.state === 'settled') return true
  return (
    a.deliveryCount === b.deliveryCount &&
    a.memberId === b.memberId &&
    a.untilMs === b.untilMs &&
    a.change === b.change &&
    a.deadReason === b.deadReason
  )
}
