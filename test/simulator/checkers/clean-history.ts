import type { History, SeenRecord } from './history.ts'
import { emptyHistory, topicOf } from './history.ts'

/** A source of numbers in [0, 1). */
export type Draw = () => number

/** An operation under way: its steps happen one by one, between those of the others. */
type Steps = (() => void)[]

const group = 'g'
export const cleanLog = 'topic/0'
const stepCount = 400

/** A broker without a fault, and clients that use it at the same time: what they see is a clean history. */
class PerfectWorld {
  readonly history: History = emptyHistory()
  readonly #draw: Draw
  readonly #records: SeenRecord[] = []
  readonly #busy = new Set<string>()
  #start = 0
  #tick = 0
  #count = 0
  #committed = -1
  #generation = 0

  constructor(draw: Draw) {
    this.#draw = draw
    this.history.logs.set(cleanLog, { cleanup: 'none', rotten: false, replicated: false })
  }

  run(): void {
    const active: Steps[] = []
    for (let step = 0; step < stepCount || active.length > 0; step += 1) {
      if (step < stepCount && active.length < 6) active.push(this.#begin())
      const index = this.#below(active.length)
      active[index]!.shift()?.()
      if (active[index]!.length === 0) active.splice(index, 1)
    }
    for (let audit = 0; audit < 2; audit += 1) {
      const records = this.#records.slice(this.#start)
      const range = { start: this.#start, end: this.#records.length }
      this.history.finalReads.push({ log: cleanLog, ...range, records, complete: true })
    }
  }

  #begin(): Steps {
    const draw = this.#draw()
    if (draw < 0.45) return this.#send()
    if (draw < 0.8) return this.#poll()
    if (draw < 0.83) return this.#delete()
    if (draw < 0.93) return this.#commit()
    return draw < 0.96 ? this.#assign() : this.#readCommit()
  }

  #send(): Steps {
    const producer = `p${this.#below(3)}`
    // Each producer waits for its answer.
    if (this.#busy.has(producer)) return []
    this.#busy.add(producer)
    const index = this.#count
    const records = Array.from({ length: 1 + this.#below(3) }, () => {
      this.#count += 1
      return { key: `k${this.#below(4)}`, value: `v${this.#count}` }
    })
    const idempotent = producer !== 'p0'
    const facts = { log: cleanLog, producer, idempotent, index, records, baseOffset: -1 }
    const send = { ...this.#span(), outcome: 'unknown' as 'unknown' | 'ok' | 'failed', ...facts }
    this.history.sends.push(send)
    const fate = this.#draw()
    let baseOffset = -1
    const take = (): void => {
      baseOffset = this.#records.length
      for (const record of records) this.#records.push({ offset: this.#records.length, ...record })
    }
    const end = (): void => {
      this.#busy.delete(producer)
      if (fate < 0.1 || (fate < 0.2 && !idempotent)) return
      send.outcome = baseOffset === -1 ? 'failed' : 'ok'
      send.baseOffset = baseOffset
      send.end = this.#now()
    }
    return fate < 0.05 || (fate > 0.95 && !idempotent) ? [end] : [take, end]
  }

  #poll(): Steps {
    const from = this.#start + this.#below(this.#records.length - this.#start + 1)
    const span = this.#span()
    let seen: Omit<History['polls'][number], 'begin' | 'end'>
    const read = (): void => {
      const isGone = from < this.#start
      const records = isGone ? [] : this.#records.slice(from, from + 1 + this.#below(8))
      const bounds = { highWatermark: isGone ? -1 : this.#records.length, logStart: isGone ? -1 : this.#start }
      seen = { log: cleanLog, consumer: 'c', from, outcome: isGone ? 'out-of-range' : 'ok', records, ...bounds }
    }
    return [read, () => this.history.polls.push({ ...seen, begin: span.begin, end: this.#now() })]
  }

  #delete(): Steps {
    const before = this.#start + this.#below(Math.min(5, this.#records.length - this.#start + 1))
    const deletion = { ...this.#span(), outcome: 'unknown' as 'unknown' | 'ok', log: cleanLog, before }
    this.history.deletions.push(deletion)
    const move = (): void => void (this.#start = Math.max(this.#start, before))
    const end = (): void => {
      deletion.outcome = 'ok'
      deletion.end = this.#now()
    }
    return this.#draw() < 0.8 ? [move, end] : [move]
  }

  #commit(): Steps {
    if (this.#busy.has(group)) return []
    this.#busy.add(group)
    const offset = Math.max(this.#committed, this.#below(this.#records.length + 1))
    const commit = { ...this.#span(), outcome: 'unknown' as 'unknown' | 'ok', group, log: cleanLog, offset }
    this.history.commits.push(commit)
    const isKnown = this.#draw() < 0.9
    const end = (): void => {
      this.#busy.delete(group)
      if (!isKnown) return
      commit.outcome = 'ok'
      commit.end = this.#now()
    }
    return [() => (this.#committed = offset), end]
  }

  #readCommit(): Steps {
    const { begin } = this.#span()
    let offset = -1
    const end = (): void =>
      void this.history.commitReads.push({ begin, end: this.#now(), group, log: cleanLog, offset })
    return [() => (offset = this.#committed), end]
  }

  #assign(): Steps {
    this.#generation += 1
    const member = `m${this.#below(3)}`
    this.history.assignments.push({ group, generation: this.#generation, member, logs: [cleanLog] })
    return []
  }

  #span(): { begin: number; end: number } {
    return { begin: this.#now(), end: Infinity }
  }

  #now(): number {
    this.#tick += 1
    return this.#tick
  }

  #below(count: number): number {
    return Math.floor(this.#draw() * count)
  }
}

export function cleanHistory(draw: Draw): History {
  const world = new PerfectWorld(draw)
  world.run()
  return world.history
}

/** The same as if keys had been compacted: the final reads lack what is superseded. */
export function compactedHistory(draw: Draw): History {
  const history = cleanHistory(draw)
  history.logs.set(cleanLog, { cleanup: 'compact', rotten: false, replicated: false })
  for (const read of history.finalReads) {
    const newest = new Map(read.records.map(({ key, offset }) => [key, offset]))
    read.records = read.records.filter(({ key, offset }) => newest.get(key) === offset)
  }
  return history
}

/** The same with the topic deleted after all, so that nothing is read at the end. */
export function deletedHistory(draw: Draw): History {
  const history = cleanHistory(draw)
  const last = Math.max(...history.polls.map(({ end }) => end), 0) + 10_000
  history.topicDeletions.push({ begin: last, end: last + 1, outcome: 'ok', topicId: topicOf(cleanLog) })
  history.finalReads = []
  return history
}

/**
 * The same in a cluster, where the leader changes now and then: until its followers have fetched again, the next one may show an
 * older high watermark and, where a deletion was not confirmed, an older start.
 */
export function replicatedHistory(draw: Draw): History {
  const history = cleanHistory(draw)
  history.logs.set(cleanLog, { cleanup: 'none', rotten: false, replicated: true })
  for (const poll of history.polls) {
    if (poll.outcome !== 'ok' || draw() > 0.2) continue
    const least = (poll.records.at(-1)?.offset ?? poll.from - 1) + 1
    poll.highWatermark = least + Math.floor(draw() * (poll.highWatermark - least + 1))
  }
  return history
}
