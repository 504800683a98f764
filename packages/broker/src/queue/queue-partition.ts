import type { ErrorCode } from '../errors/errors.ts'
import { assert } from '../errors/errors.ts'
import { planAcknowledgement } from './acknowledge-plan.ts'
import { PendingAcknowledgement } from './change.ts'
import type { Change, ChangeBatch, DeadReason } from './change.ts'
import { describeWrite } from './describe-write.ts'
import type { GroupQueueConfig } from './group-queue-config.ts'
import type { AcquiredRange, Acknowledgement } from './queue-messages.ts'
import { noCounts } from './queue-counts.ts'
import type { QueueCounts } from './queue-counts.ts'
import type { QueueWrite, StoredRange } from './queue-store.ts'
import { RangeWindow } from './range-window.ts'
import type { QueueRange } from './range-window.ts'

/**
 * Ranges of one window: memory and the work of one write are bounded by it. Where messages fail so that they lie between
 * others that do not, nothing new is taken beyond it until some are settled.
 */
const rangeCountMax = 20_000
/** Pause between two attempts to put a message among the dead letters. */
const deadRetryMs = 1000

/**
 * The queue of one group on one partition: who may have which message, and what has become of those that were taken. Knows
 * neither time nor disk: both are told. A change counts once `committed` says that it is written; until then its messages
 * are nobody's.
 */
export class QueuePartition {
  readonly #counts: QueueCounts
  readonly #window: RangeWindow
  readonly #config: () => GroupQueueConfig
  #changes: Change[] = []
  #dead: Change[] = []
  #acquiredCount = 0
  /** Ready messages within the window. */
  #readyCount = 0
  #wakeMs = Number.POSITIVE_INFINITY

  /**
   * @param startOffset everything below is settled
   * @param ranges as stored, in rising order; what lies below the start is left out
   * @param counts what several queues count together
   */
  constructor(
    config: () => GroupQueueConfig,
    startOffset: number,
    ranges: readonly StoredRange[] = [],
    counts: QueueCounts = noCounts(),
  ) {
    this.#config = config
    this.#counts = counts
    this.#window = new RangeWindow(startOffset)
    for (const { firstOffset, lastOffset, state, deliveryCount } of ranges) {
      if (lastOffset < startOffset) continue
      this.#window.extendTo(lastOffset)
      this.#window.update(Math.max(startOffset, firstOffset), lastOffset, (range) => {
        range.state = state === 'ready' ? 'ready' : 'settled'
        range.deliveryCount = deliveryCount
      })
    }
    this.#window.trim()
    for (const range of this.#window.ranges()) this.#count(range, 1)
  }

  get startOffset(): number {
    return this.#window.startOffset
  }

  /** Everything from here on is ready and was never delivered. */
  get endOffset(): number {
    return this.#window.endOffset
  }

  /** Messages that members hold. */
  get acquiredCount(): number {
    return this.#acquiredCount
  }

  /** Ready messages before `endOffset`. */
  get readyCount(): number {
    return this.#readyCount
  }

  /** Nobody holds anything and nothing is being written or waited for: the store knows all there is. */
  get isAtRest(): boolean {
    return this.#window.ranges().every(({ state }) => state === 'ready' || state === 'settled')
  }

  get hasChanges(): boolean {
    return this.#changes.length > 0
  }

  get ranges(): readonly QueueRange[] {
    return this.#window.ranges()
  }

  /** When `expire` has something to do at the earliest, in monotonic milliseconds; infinity if nothing is pending. */
  get wakeMs(): number {
    return this.#wakeMs
  }

  /**
   * The first ready messages at or behind `offset`, as far as they follow each other; `last` is infinity for all that lie
   * behind the window. Undefined if members hold as much as they may, or the window is full.
   */
  nextReady(offset: number): { first: number; last: number } | undefined {
    const { ranges, from } = { ranges: this.#window.ranges(), from: Math.max(offset, this.startOffset) }
    if (this.#acquiredCount >= this.#config().lockCountMax) return undefined
    if (this.#readyCount > 0) {
      for (let index = this.#window.indexFrom(from); index < ranges.length; index++) {
        const range = ranges[index]!
        if (range.state !== 'ready') continue
        return { first: Math.max(from, range.first), last: this.#runEnd(index) }
      }
    }
    if (ranges.length >= rangeCountMax) return undefined
    return { first: Math.max(from, this.endOffset), last: Number.POSITIVE_INFINITY }
  }

  #runEnd(start: number): number {
    const ranges = this.#window.ranges()
    let index = start
    while (ranges[index + 1]?.state === 'ready') index++
    return index + 1 < ranges.length || ranges.length >= rangeCountMax ? ranges[index]!.last : Number.POSITIVE_INFINITY
  }

  /** How many of `first` to `last` are ready. */
  readyIn(first: number, last: number): number {
    const ranges = this.#window.ranges()
    let count = Math.max(0, last - Math.max(first, this.endOffset) + 1)
    for (let index = this.#window.indexFrom(first); index < ranges.length && ranges[index]!.first <= last; index++) {
      const range = ranges[index]!
      if (range.state === 'ready') count += Math.min(last, range.last) - Math.max(first, range.first) + 1
    }
    return count
  }

  /** Gives what is ready of `first` to `last` to a member, at most `countMax`, under a lock that begins now. */
  acquire(memberId: string, first: number, last: number, countMax: number, nowMs: number): AcquiredRange[] {
    assert(memberId !== '', 'a member has an id')
    const acquired: AcquiredRange[] = []
    const untilMs = nowMs + this.#config().lockDurationMs
    let left = countMax
    this.#eachReady(first, last, countMax, (range) => {
      range.state = 'acquired'
      range.deliveryCount++
      range.memberId = memberId
      range.untilMs = untilMs
      left -= range.last - range.first + 1
      acquired.push({ firstOffset: range.first, lastOffset: range.last, deliveryCount: range.deliveryCount })
    })
    const count = countMax - left
    this.#counts.acquired += count
    for (const range of acquired) {
      if (range.deliveryCount > 1) this.#counts.redelivered += range.lastOffset - range.firstOffset + 1
    }
    if (count > 0) this.#wakeMs = Math.min(this.#wakeMs, untilMs)
    return acquired
  }

  /**
   * Settles what is ready of `first` to `last` without delivering it: there is no record (`gap`), the group does not want it
   * (`filtered`), or it is too old (`expired`).
   */
  skip(first: number, last: number, reason: 'gap' | 'filtered' | 'expired'): void {
    const deadReason = reason === 'expired' ? reason : undefined
    const to = reason === 'filtered' ? 'accepted' : 'archived'
    this.#eachReady(first, last, Number.POSITIVE_INFINITY, (range) => {
      if (reason !== 'gap') this.#counts[reason] += range.last - range.first + 1
      this.#change(range, { to, deadReason, onFailure: 'back' })
    })
  }

  /** Cuts the ready part of a span out of the window, reaching for more of it if need be, up to a number of messages. */
  #eachReady(from: number, last: number, countMax: number, visit: (range: QueueRange) => void): void {
    const first = Math.max(from, this.startOffset)
    let left = countMax
    const spans: { first: number; last: number }[] = []
    if (last >= first) this.#reachTo(Math.min(last, Math.max(first, this.endOffset) + countMax - 1))
    const ranges = this.#window.ranges()
    for (let index = this.#window.indexFrom(first); index < ranges.length && left > 0; index++) {
      const range = ranges[index]!
      if (range.first > last) break
      if (range.state !== 'ready') continue
      const start = Math.max(first, range.first)
      const end = Math.min(last, range.last, start + left - 1)
      left -= end - start + 1
      spans.push({ first: start, last: end })
    }
    for (const span of spans) {
      this.#window.update(span.first, span.last, (range) => {
        this.#count(range, -1)
        visit(range)
        this.#count(range, 1)
      })
    }
    this.#trim()
  }

  /**
   * Takes in what a member says of messages it holds: all of it or nothing.
   * @param done called once it is written, or with the reason why it is not. Not called if an error is returned
   * @returns why it is refused: 'invalid-record-state', 'invalid-request'
   */
  acknowledge(
    memberId: string,
    acknowledgements: readonly Acknowledgement[],
    nowMs: number,
    done: (fault: ErrorCode | undefined) => void,
  ): ErrorCode | undefined {
    const plan = planAcknowledgement(this.#window, memberId, acknowledgements)
    if (typeof plan === 'string') return plan
    const pending = new PendingAcknowledgement(done)
    // Held open by itself, so that it is answered also if there is nothing to write.
    pending.add()
    for (const { first, last, type, retryDelayMs, rejectReason } of plan) {
      this.#window.update(first, last, (range) => {
        if (type === 'renew') this.#renew(range, nowMs)
        else this.#giveUpLock(range, type, { pending, retryDelayMs, rejectReason, isAttempt: true, onFailure: 'back' })
      })
    }
    pending.settle(undefined)
    return undefined
  }

  #renew(range: QueueRange, nowMs: number): void {
    range.untilMs = nowMs + this.#config().lockDurationMs
    this.#wakeMs = Math.min(this.#wakeMs, range.untilMs)
  }

  #giveUpLock(
    range: QueueRange,
    type: 'accept' | 'release' | 'reject' | 'gap',
    how: {
      readonly pending?: PendingAcknowledgement
      readonly retryDelayMs?: number | undefined
      readonly rejectReason?: string | undefined
      readonly isAttempt: boolean
      readonly onFailure: Change['onFailure']
    },
  ): void {
    const { deliveryCountMax } = this.#config()
    const { pending, isAttempt, onFailure, retryDelayMs = this.#backoffMs(range.deliveryCount) } = how
    this.#count(range, -1)
    if (type === 'accept') this.#change(range, { to: 'accepted', onFailure, pending })
    else if (type === 'gap') this.#change(range, { to: 'archived', onFailure, pending })
    else if (type === 'reject') {
      const { rejectReason: deadReason = 'rejected' } = how
      this.#change(range, { to: 'archived', deadReason, onFailure, pending })
    } else if (isAttempt && range.deliveryCount >= deliveryCountMax) {
      this.#change(range, { to: 'archived', deadReason: 'delivery-limit', onFailure, pending })
    } else {
      const deliveryCount = range.deliveryCount - (isAttempt ? 0 : 1)
      const delayMs = isAttempt ? retryDelayMs : 0
      this.#change(range, { to: 'released', deliveryCount, retryDelayMs: delayMs, onFailure, pending })
    }
    this.#count(range, 1)
  }

  #backoffMs(deliveryCount: number): number {
    const { retryBackoffMs, retryBackoffMsMax } = this.#config()
    return Math.min(retryBackoffMsMax, retryBackoffMs * 2 ** Math.min(deliveryCount - 1, 40))
  }

  #change(
    range: QueueRange,
    to: Pick<Change, 'to' | 'onFailure'> & {
      readonly deliveryCount?: number
      readonly retryDelayMs?: number
      readonly deadReason?: DeadReason | undefined
      readonly pending?: PendingAcknowledgement | undefined
    },
  ): void {
    const { deliveryCount = range.deliveryCount, retryDelayMs = 0, deadReason, pending } = to
    const change: Change = {
      first: range.first,
      last: range.last,
      to: to.to,
      deliveryCount,
      retryDelayMs,
      deadReason: this.#config().deadLetterTopic === undefined ? undefined : deadReason,
      onFailure: to.onFailure,
      acknowledgement: pending,
    }
    pending?.add()
    range.state = 'changing'
    range.change = change
    if (change.deadReason === undefined) this.#changes.push(change)
    else this.#dead.push(change)
  }

  /** Gives back what a member holds. @returns how many messages that are */
  releaseMember(memberId: string, isAttempt: boolean): number {
    return this.#release(({ memberId: holder }) => holder === memberId, isAttempt)
  }

  #release(isMeant: (range: QueueRange) => boolean, isAttempt: boolean): number {
    const meant = this.#window.ranges().filter((range) => range.state === 'acquired' && isMeant(range))
    let count = 0
    for (const { first, last } of meant.map((range) => ({ first: range.first, last: range.last }))) {
      count += last - first + 1
      this.#window.update(first, last, (range) => {
        this.#giveUpLock(range, 'release', { isAttempt, onFailure: 'anyway' })
      })
    }
    return count
  }

  /** Ends locks and waits whose time is up. @returns whether messages have become ready by that */
  expire(nowMs: number): boolean {
    if (nowMs < this.#wakeMs) return false
    this.#counts.lockExpiries += this.#release(({ untilMs }) => untilMs <= nowMs, true)
    const due = this.#window.ranges().filter(({ state, untilMs }) => state === 'waiting' && untilMs <= nowMs)
    let isReady = false
    for (const { first, last } of due.map((range) => ({ first: range.first, last: range.last }))) {
      this.#window.update(first, last, (range) => {
        const { deadReason } = range
        range.deadReason = undefined
        if (deadReason !== undefined) this.#change(range, { to: 'archived', deadReason, onFailure: 'anyway' })
        else this.#makeReady(range)
        isReady ||= deadReason === undefined
      })
    }
    this.#trim()
    this.#findWake()
    return isReady
  }

  #reachTo(last: number): void {
    const { endOffset } = this
    this.#window.extendTo(last)
    this.#readyCount += this.endOffset - endOffset
  }

  /** What becomes of the ends of the window where nothing is left to say about them. */
  #trim(): void {
    this.#readyCount -= this.#window.trim()
  }

  #makeReady(range: QueueRange): void {
    range.state = 'ready'
    range.memberId = ''
    range.untilMs = 0
    range.change = undefined
    this.#count(range, 1)
  }

  #findWake(): void {
    let wakeMs = Number.POSITIVE_INFINITY
    for (const { state, untilMs } of this.#window.ranges()) {
      if (state === 'acquired' || state === 'waiting') wakeMs = Math.min(wakeMs, untilMs)
    }
    this.#wakeMs = wakeMs
  }

  /** The log begins at `offset` now: what was before it is gone, whoever held it. */
  advanceStart(offset: number): void {
    if (offset <= this.startOffset) return
    for (const range of this.#window.ranges()) {
      if (range.first >= offset) break
      const lost = { ...range, last: Math.min(range.last, offset - 1) }
      this.#count(lost, -1)
    }
    this.#window.dropBefore(offset)
    this.#trim()
  }

  /** Changes whose messages must be among the dead letters before they are archived: each to be told of once. */
  takeDead(): readonly Change[] {
    const dead = this.#dead
    this.#dead = []
    return dead
  }

  /** Their messages are among the dead letters: they can be archived with the next write. */
  deadLettered(changes: readonly Change[]): void {
    this.#changes.push(...changes)
  }

  /** Their messages could not be put there: tried again later, and nobody gets them until then. */
  deadLetterFailed(changes: readonly Change[], nowMs: number, fault: ErrorCode): void {
    for (const change of changes) {
      this.#finish(change, (range) => {
        this.#leave(range, 'waiting')
        range.untilMs = nowMs + deadRetryMs
        range.deadReason = change.deadReason
      })
      change.acknowledgement?.settle(fault)
    }
    this.#findWake()
  }

  /** Everything that is to be written, for one record; undefined if nothing is. */
  takeChanges(): ChangeBatch | undefined {
    if (this.#changes.length === 0) return undefined
    const changes = this.#changes
    this.#changes = []
    return { changes }
  }

  /** What the store is told of a batch. */
  describeWrite(batch: ChangeBatch): Omit<QueueWrite, 'stateEpoch' | 'leaderEpoch'> {
    return describeWrite(this.#window, batch)
  }

  /** The batch is written. @returns whether messages have become ready by that */
  committed({ changes }: ChangeBatch, nowMs: number): boolean {
    let isReady = false
    for (const change of changes) {
      if (this.#apply(change, nowMs)) isReady = true
      change.acknowledgement?.settle(undefined)
    }
    this.#trim()
    return isReady
  }

  #apply(change: Change, nowMs: number): boolean {
    const { to, retryDelayMs, deliveryCount } = change
    this.#finish(change, (range) => {
      range.deliveryCount = deliveryCount
      if (to !== 'released') this.#leave(range, 'settled')
      else if (retryDelayMs > 0) {
        this.#leave(range, 'waiting')
        range.untilMs = nowMs + retryDelayMs
        this.#wakeMs = Math.min(this.#wakeMs, range.untilMs)
      } else this.#makeReady(range)
    })
    const count = change.last - change.first + 1
    if (to === 'accepted') this.#counts.accepted += count
    else if (to === 'archived') this.#counts.archived += count
    return to === 'released' && retryDelayMs <= 0
  }

  /** The batch could not be written, as far as is known. @returns whether messages have become ready by that */
  failed({ changes }: ChangeBatch, nowMs: number, fault: ErrorCode): boolean {
    let isReady = false
    for (const change of changes) {
      if (change.onFailure === 'anyway' && change.to === 'released') {
        if (this.#apply(change, nowMs)) isReady = true
      } else if (change.onFailure === 'anyway') {
        this.#finish(change, (range) => {
          this.#leave(range, 'waiting')
          range.untilMs = nowMs + deadRetryMs
          range.deadReason = change.deadReason ?? 'delivery-limit'
        })
      } else this.#finish(change, (range) => this.#takeBack(range))
      change.acknowledgement?.settle(fault)
    }
    this.#trim()
    this.#findWake()
    return isReady
  }

  /** Nobody writes this queue any more from here: whoever waits for a write is told why. Of no use after that. */
  end(fault: ErrorCode): void {
    const open = [...this.#changes, ...this.#dead]
    this.#changes = []
    this.#dead = []
    for (const { acknowledgement } of open) acknowledgement?.settle(fault)
  }

  #takeBack(range: QueueRange): void {
    if (range.memberId === '') {
      this.#makeReady(range)
      return
    }
    range.state = 'acquired'
    range.change = undefined
    this.#count(range, 1)
  }

  #leave(range: QueueRange, state: 'settled' | 'waiting'): void {
    range.state = state
    range.memberId = ''
    range.untilMs = 0
    range.change = undefined
  }

  /** Visits what is left of a change; the log may have lost a part of it. */
  #finish(change: Change, visit: (range: QueueRange) => void): void {
    const first = Math.max(change.first, this.startOffset)
    if (first > change.last) return
    this.#window.update(first, change.last, (range) => {
      assert(range.change === change, 'a change ends once')
      visit(range)
    })
  }

  #count({ state, first, last }: QueueRange, sign: 1 | -1): void {
    const count = sign * (last - first + 1)
    if (state === 'acquired') this.#acquiredCount += count
    else if (state === 'ready') this.#readyCount += count
  }
}
