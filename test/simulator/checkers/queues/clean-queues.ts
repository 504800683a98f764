import type { Draw } from '../clean-history.ts'
import type { History, SeenRecord } from '../history.ts'
import type { Outcome } from '../span.ts'
import { emptyHistory } from '../history.ts'
import type { Delivered, Leadership, QueueGroup, Word } from './queue-history.ts'
import { tagOf } from './queue-history.ts'

export const queueLog = 'topic/0'
export const recordCount = 30
const stepCount = 150

/** One with dead letters, one that filters. */
const cleanGroups: readonly QueueGroup[] = [
  { name: 'g', lockDurationMs: 1000, deliveryCountMax: 3, hasDeadLetters: true, hasTtl: false, tag: '' },
  { name: 'h', lockDurationMs: 1500, deliveryCountMax: 2, hasDeadLetters: false, hasTtl: false, tag: 't1' },
]

interface ModelMessage {
  record: SeenRecord
  state: 'ready' | 'held' | 'settled'
  count: number
  holder: string
  untilMs: number
}

/** Queues without a fault, and members that use them one after the other: what they see is a clean history. */
class PerfectQueues {
  readonly history: History = emptyHistory()
  readonly #draw: Draw
  readonly #queues = new Map<string, ModelMessage[]>()
  readonly #connections = new Map<string, number>()
  #tick = 0
  #ms = 0
  #epoch = 1

  constructor(draw: Draw) {
    this.#draw = draw
    this.history.logs.set(queueLog, { cleanup: 'none', rotten: false, replicated: false })
    const records = Array.from({ length: recordCount }, (_, offset) => ({ offset, key: 'k', value: `p.${offset}#v` }))
    const facts = { log: queueLog, producer: 'p', idempotent: false, index: 0, records, baseOffset: 0 }
    this.history.sends.push({ begin: this.#now(), end: this.#now(), outcome: 'ok', ...facts })
    const read = { log: queueLog, start: 0, end: recordCount, complete: true }
    for (let audit = 0; audit < 2; audit += 1) this.history.finalReads.push({ ...read, records: [...records] })
    for (const group of cleanGroups) {
      this.history.queues.groups.push({ ...group })
      const wanted = records.filter(({ value }) => group.tag === '' || tagOf(value) === group.tag)
      const fresh = { state: 'ready' as const, count: 0, holder: '', untilMs: 0 }
      this.#queues.set(
        group.name,
        wanted.map((record) => ({ record, ...fresh })),
      )
      if (!group.hasDeadLetters) continue
      for (let audit = 0; audit < 2; audit += 1) {
        this.history.queues.deadReads.push({ group: group.name, letters: [], complete: true })
      }
    }
  }

  run(): void {
    for (let step = 0; step < stepCount; step += 1) {
      const group = cleanGroups[this.#below(cleanGroups.length)]!
      const member = `${group.name}${this.#below(3)}`
      this.#pass(this.#below(200))
      const draw = this.#draw()
      if (draw < 0.5) this.#fetch(group, member, 1 + this.#below(4))
      else if (draw < 0.97) this.#say(group, member)
      else this.#changeLeader()
    }
    for (const group of cleanGroups) this.#drain(group)
  }

  #fetch(group: QueueGroup, member: string, countMax: number): void {
    const ready = this.#queues.get(group.name)!.filter(({ state }) => state === 'ready')
    const fetch = { ...this.#span(), ...this.#facts(group, member), beginMs: this.#ms }
    const messages: Delivered[] = ready.slice(0, countMax).map((message) => {
      message.state = 'held'
      message.count += 1
      message.holder = member
      message.untilMs = this.#ms + group.lockDurationMs
      return { offset: message.record.offset, deliveryCount: message.count, value: message.record.value }
    })
    const lent = messages.length === 0 ? [] : [{ log: queueLog, leadership: this.#leadership(), messages }]
    this.history.queues.fetches.push({ ...fetch, endMs: this.#ms, outcome: 'ok', logs: [queueLog], lent })
  }

  #say(group: QueueGroup, member: string, word = this.#word()): void {
    const held = this.#queues.get(group.name)!.filter(({ state, holder }) => state === 'held' && holder === member)
    const spoken = held.slice(0, 1 + this.#below(3))
    if (spoken.length === 0) return
    const outcome: Outcome = this.#draw() < 0.9 ? 'ok' : 'unknown'
    const span = this.#span()
    const times = { beginMs: this.#ms, endMs: outcome === 'ok' ? this.#ms : Infinity }
    const words = spoken.map(({ record }) => ({ offset: record.offset, word }))
    const facts = { ...this.#facts(group, member), log: queueLog, leadership: this.#leadership(), isRefused: false }
    const end = outcome === 'ok' ? span.end : Infinity
    this.history.queues.acknowledgings.push({ ...span, end, outcome, ...facts, ...times, words })
    for (const message of spoken) {
      if (word === 'renew') message.untilMs = this.#ms + group.lockDurationMs
      else if (word === 'accept') message.state = 'settled'
      else if (word === 'reject') this.#bury(group, message, 'rejected')
      else this.#giveBack(group, message)
    }
  }

  #drain(group: QueueGroup): void {
    this.#pass(2 * group.lockDurationMs)
    const member = `${group.name}drain`
    this.#fetch(group, member, recordCount)
    const queue = this.#queues.get(group.name)!
    while (queue.some(({ state }) => state === 'held')) this.#say(group, member, 'accept')
    for (let look = 0; look < 3; look += 1) {
      const progress = { group: group.name, log: queueLog, startOffset: recordCount, endOffset: recordCount }
      this.history.queues.progress.push({ ...this.#span(), ...progress })
      this.#fetch(group, member, recordCount)
    }
  }

  /** Locks that run out meanwhile are over. */
  #pass(ms: number): void {
    this.#ms += ms
    for (const group of cleanGroups) {
      for (const message of this.#queues.get(group.name)!) {
        if (message.state === 'held' && message.untilMs <= this.#ms) this.#giveBack(group, message)
      }
    }
  }

  #giveBack(group: QueueGroup, message: ModelMessage): void {
    if (message.count >= group.deliveryCountMax) this.#bury(group, message, 'delivery-limit')
    else message.state = 'ready'
  }

  #bury(group: QueueGroup, message: ModelMessage, reason: string): void {
    const { offset, value } = message.record
    message.state = 'settled'
    for (const { letters, group: name } of this.history.queues.deadReads) {
      if (name !== group.name) continue
      letters.push({ group: name, log: queueLog, offset, reason, deliveryCount: message.count, value })
    }
  }

  /** Locks are void; counts stay as the model has them, which is what was written at the latest. */
  #changeLeader(): void {
    this.#epoch += 1
    for (const queue of this.#queues.values()) {
      for (const message of queue) {
        if (message.state !== 'held') continue
        message.state = 'ready'
        message.count -= 1
      }
    }
  }

  #word(): Word {
    const draw = this.#draw()
    return draw < 0.55 ? 'accept' : draw < 0.75 ? 'release' : draw < 0.9 ? 'reject' : 'renew'
  }

  #leadership(): Leadership {
    return { tenure: `epoch ${this.#epoch}`, epochLeast: this.#epoch, epochMost: this.#epoch }
  }

  #facts(group: QueueGroup, member: string) {
    const connection = this.#connections.get(member) ?? this.#connections.size
    this.#connections.set(member, connection)
    return { group: group.name, member, connection }
  }

  #span(): { begin: number; end: number } {
    return { begin: this.#now(), end: this.#now() }
  }

  #now(): number {
    this.#tick += 1
    return this.#tick
  }

  #below(count: number): number {
    return Math.floor(this.#draw() * count)
  }
}

export function cleanQueues(draw: Draw): History {
  const queues = new PerfectQueues(draw)
  queues.run()
  return queues.history
}
