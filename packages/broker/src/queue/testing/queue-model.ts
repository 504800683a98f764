import type { GroupQueueConfig } from '../group-queue-config.ts'
import type { QueuePartition } from '../queue-partition.ts'
import type { QueueWrite, StoredRange } from '../queue-store.ts'

/** One message as the naive model has it. */
export interface ModelMessage {
  state: 'ready' | 'acquired' | 'changing' | 'waiting' | 'settled'
  count: number
  member: string
  untilMs: number
  /** What it is changing to. */
  to: 'accepted' | 'archived' | 'released'
  toCount: number
  delayMs: number
  anyway: boolean
  /** Must be, or waits to be, among the dead letters. */
  isDead: boolean
  stage: 'none' | 'dead' | 'queued' | 'writing'
}

function fresh(): ModelMessage {
  return {
    state: 'ready',
    count: 0,
    member: '',
    untilMs: 0,
    to: 'accepted',
    toCount: 0,
    delayMs: 0,
    anyway: false,
    isDead: false,
    stage: 'none',
  }
}

/** What is durable, offset by offset. */
export class ModelStore {
  startOffset = 0
  readonly messages = new Map<number, { state: StoredRange['state']; count: number }>()

  apply({ startOffset, ranges }: Pick<QueueWrite, 'startOffset' | 'ranges'>): void {
    this.startOffset = Math.max(this.startOffset, startOffset)
    for (const { firstOffset, lastOffset, state, deliveryCount } of ranges) {
      for (let offset = firstOffset; offset <= lastOffset; offset++) {
        this.messages.set(offset, { state, count: deliveryCount })
      }
    }
  }

  isSettled(offset: number): boolean {
    const state = this.messages.get(offset)?.state
    return offset < this.startOffset || state === 'accepted' || state === 'archived'
  }

  ranges(): StoredRange[] {
    return [...this.messages]
      .filter(([offset]) => offset >= this.startOffset)
      .toSorted(([a], [b]) => a - b)
      .map(([offset, { state, count }]) => ({ firstOffset: offset, lastOffset: offset, state, deliveryCount: count }))
  }
}

/** A queue as an array of messages: slow, and simple enough to be believed. */
export class QueueModel {
  readonly messages: ModelMessage[]
  readonly config: GroupQueueConfig
  nowMs = 0

  constructor(count: number, config: GroupQueueConfig, store: ModelStore) {
    this.config = config
    this.messages = Array.from({ length: count }, (_, offset) => {
      const message = fresh()
      const stored = store.messages.get(offset)
      if (store.isSettled(offset)) message.state = 'settled'
      else message.count = stored?.count ?? 0
      return message
    })
  }

  acquire(member: string, first: number, last: number, countMax: number): number[] {
    const taken: number[] = []
    for (let offset = first; offset <= last && taken.length < countMax; offset++) {
      const message = this.messages[offset]!
      if (message.state !== 'ready') continue
      message.state = 'acquired'
      message.count++
      message.member = member
      message.untilMs = this.nowMs + this.config.lockDurationMs
      taken.push(offset)
    }
    return taken
  }

  holds(member: string, offset: number): boolean {
    const { state, member: holder } = this.messages[offset]!
    return state === 'acquired' && holder === member
  }

  /** Below this everything is settled. */
  get startOffset(): number {
    const index = this.messages.findIndex(({ state }) => state !== 'settled')
    return index < 0 ? this.messages.length : index
  }

  skip(first: number, last: number, reason: 'gap' | 'filtered' | 'expired'): void {
    for (const message of this.messages.slice(first, last + 1)) {
      if (message.state === 'ready') {
        this.#change(message, reason === 'filtered' ? 'accepted' : 'archived', { isDead: reason === 'expired' })
      }
    }
  }

  say(offset: number, type: 'accept' | 'release' | 'reject' | 'renew' | 'gap', delayMs: number | undefined): void {
    const message = this.messages[offset]!
    if (type === 'renew') message.untilMs = this.nowMs + this.config.lockDurationMs
    else if (type === 'accept') this.#change(message, 'accepted', {})
    else if (type === 'release') this.release(message, true, false, delayMs)
    else this.#change(message, 'archived', { isDead: type === 'reject' })
  }

  release(message: ModelMessage, isAttempt: boolean, anyway: boolean, delayMs?: number): void {
    const { retryBackoffMs, retryBackoffMsMax, deliveryCountMax } = this.config
    if (isAttempt && message.count >= deliveryCountMax) {
      this.#change(message, 'archived', { isDead: true, anyway })
      return
    }
    const backoffMs = Math.min(retryBackoffMsMax, retryBackoffMs * 2 ** (message.count - 1))
    this.#change(message, 'released', { anyway })
    message.toCount = message.count - (isAttempt ? 0 : 1)
    message.delayMs = isAttempt ? (delayMs ?? backoffMs) : 0
  }

  #change(
    message: ModelMessage,
    to: ModelMessage['to'],
    { isDead = false, anyway = false }: { isDead?: boolean; anyway?: boolean },
  ): void {
    message.state = 'changing'
    message.to = to
    message.toCount = message.count
    message.anyway = anyway
    message.isDead = isDead
    message.stage = isDead && this.config.deadLetterTopic !== undefined ? 'dead' : 'queued'
  }

  releaseMember(member: string, isAttempt: boolean): void {
    for (const message of this.messages) {
      if (message.state === 'acquired' && message.member === member) this.release(message, isAttempt, true)
    }
  }

  expire(): void {
    for (const message of this.messages) {
      const { state, untilMs, isDead } = message
      if (untilMs > this.nowMs) continue
      if (state === 'acquired') this.release(message, true, true)
      else if (state === 'waiting' && isDead) this.#change(message, 'archived', { isDead, anyway: true })
      else if (state === 'waiting') this.#become(message, 'ready')
    }
  }

  advanceStart(offset: number): void {
    for (const message of this.messages.slice(0, offset)) this.#become(message, 'settled')
  }

  #become(message: ModelMessage, state: ModelMessage['state']): void {
    Object.assign(message, { ...fresh(), state, count: message.count })
  }

  move(from: ModelMessage['stage'], to: ModelMessage['stage']): void {
    for (const message of this.messages) if (message.stage === from) message.stage = to
  }

  deadLettersFailed(): void {
    for (const message of this.messages) if (message.stage === 'dead') this.#waitForDead(message)
  }

  #waitForDead(message: ModelMessage): void {
    this.#become(message, 'waiting')
    message.isDead = true
    message.untilMs = this.nowMs + 1000
  }

  finish(isWritten: boolean): void {
    for (const message of this.messages) {
      if (message.stage !== 'writing') continue
      message.stage = 'none'
      const { to, toCount, delayMs, anyway, member } = message
      if (isWritten || (anyway && to === 'released')) {
        message.count = toCount
        this.#become(message, to !== 'released' ? 'settled' : delayMs > 0 ? 'waiting' : 'ready')
        if (to === 'released' && delayMs > 0) message.untilMs = this.nowMs + delayMs
      } else if (anyway) this.#waitForDead(message)
      else message.state = member === '' ? 'ready' : 'acquired'
    }
  }
}

/** Both sides in one form, for comparison. */
export function viewOfModel(model: QueueModel): string[] {
  return model.messages.map(({ state, count, member, untilMs }) => line(state, count, member, untilMs))
}

export function viewOfQueue(queue: QueuePartition, count: number): string[] {
  const view = Array.from({ length: count }, (_, offset) =>
    offset < queue.startOffset ? line('settled', 0, '', 0) : line('ready', 0, '', 0),
  )
  for (const { first, last, state, deliveryCount, memberId, untilMs } of queue.ranges) {
    for (let offset = first; offset <= last; offset++) view[offset] = line(state, deliveryCount, memberId, untilMs)
  }
  return view
}

function line(state: string, count: number, member: string, untilMs: number): string {
  if (state === 'settled') return state
  return state === 'changing' ? `${state} ${count} ${member}` : `${state} ${count} ${member} ${untilMs}`
}
