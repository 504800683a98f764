import { EventHash } from './event-hash.ts'
import { EventHeap } from './event-heap.ts'
import { runPromiseReactions } from './promise-reactions.ts'
import { SimulatedRandom } from './simulated-random.ts'

export interface ScheduledEvent {
  /** After this the event does not happen. Harmless when it already did. */
  cancel(): void
}

interface Event {
  readonly atMs: number
  readonly tie: number
  readonly sequence: number
  readonly label: string
  callback: (() => void) | undefined
}

const eventsMaxDefault = 10_000_000
/** Events before Node may turn to what else it has to do. */
const eventsPerTurn = runPromiseReactions === undefined ? 1 : 256

/**
 * Virtual time and all that happens in it. Events run one at a time in the order of their time, in seeded order where
 * times are equal; after each, all promise reactions run before the next. So code under test may use async and await
 * freely, and the same seed and code give the same run.
 *
 * Between two events every microtask and nextTick runs, however long their chains are (promise-reactions.ts); a fixed
 * number of `await Promise.resolve()` would cut long chains short. What reacts to something real (a file, a socket, a
 * timer of node) is not waited for and must not occur in a simulation.
 */
export class Scheduler {
  readonly seed: number
  readonly random: SimulatedRandom
  readonly #ties: SimulatedRandom
  readonly #heap = new EventHeap<Event>()
  readonly #hash = new EventHash()
  #nowMs = 0
  #sequence = 0
  #cancelledCount = 0
  #eventCount = 0
  #running = false

  constructor(seed: number) {
    this.seed = seed
    this.random = new SimulatedRandom(seed)
    this.#ties = this.random.stream('ties')
  }

  /** Virtual time since the beginning of the world. */
  get nowMs(): number {
    return this.#nowMs
  }

  /** Events that have happened. */
  get eventCount(): number {
    return this.#eventCount
  }

  /** Folds all events so far, and what `note` was told. */
  get eventHash(): string {
    return this.#hash.digest()
  }

  /** Lets `callback` happen `delayMs` from now. `label` says what it is in the event hash. */
  schedule(delayMs: number, label: string, callback: () => void): ScheduledEvent {
    if (!(delayMs >= 0 && delayMs < Infinity)) throw new RangeError(`delay of ${delayMs} ms`)
    this.#sequence += 1
    const event: Event = {
      atMs: this.#nowMs + delayMs,
      tie: this.#ties.word(),
      sequence: this.#sequence,
      label,
      callback,
    }
    this.#heap.push(event)
    return { cancel: () => this.#cancel(event) }
  }

  /** Folds a fact into the event hash, such as the bytes that came over a wire. */
  note(label: string, fact: number | Uint8Array = 0): void {
    this.#hash.foldText(label)
    if (typeof fact === 'number') this.#hash.foldNumber(fact)
    else this.#hash.foldBytes(fact)
  }

  /** Lets the next event happen, with all that follows at once. False when nothing is left to happen. */
  async step(): Promise<boolean> {
    await promiseReactions()
    const happened = this.#happen(Infinity)
    await promiseReactions()
    return happened
  }

  /**
   * Lets events happen up to a moment, or until a condition holds (looked at between events).
   * @throws Error if nothing is left to happen before the condition holds, or after `eventsMax` events
   */
  async run(until: number | (() => boolean), eventsMax = eventsMaxDefault): Promise<void> {
    if (this.#running) throw new Error('the world already runs')
    this.#running = true
    const endMs = typeof until === 'number' ? until : Infinity
    const reached = typeof until === 'number' ? () => false : until
    try {
      await this.#runEvents(endMs, reached, eventsMax)
    } finally {
      this.#running = false
    }
  }

  /** Runs the world for a while. */
  runFor(durationMs: number): Promise<void> {
    return this.run(this.#nowMs + durationMs)
  }

  /** Runs the world until `promise` settles, and gives its outcome. */
  async complete<T>(promise: Promise<T>): Promise<T> {
    let settled = false
    const note = (): void => {
      settled = true
    }
    promise.then(note, note)
    await this.run(() => settled)
    return promise
  }

  #runEvents(endMs: number, reached: () => boolean, eventsMax: number): Promise<void> {
    let count = 0
    return new Promise((resolve, reject) => {
      const happenSome = (): boolean => {
        for (let left = eventsPerTurn; left > 0; left -= 1) {
          if (reached()) return true
          if (count === eventsMax) throw new Error(`${eventsMax} events and no end (${this.#where()})`)
          count += 1
          if (!this.#happen(endMs)) {
            if (endMs === Infinity) throw new Error(`nothing is left that could happen (${this.#where()})`)
            this.#nowMs = Math.max(this.#nowMs, endMs)
            return true
          }
          runPromiseReactions?.()
        }
        return false
      }
      // One setImmediate calls the next: a promise for each would take longer.
      const next = (): void => {
        try {
          if (happenSome()) resolve()
          else setImmediate(next)
        } catch (error) {
          reject(error)
        }
      }
      setImmediate(next)
    })
  }

  #where(): string {
    return `seed ${this.seed}, ${this.#nowMs} ms, event ${this.#eventCount}`
  }

  #happen(endMs: number): boolean {
    for (;;) {
      const event = this.#heap.peek()
      if (event === undefined || event.atMs > endMs) return false
      this.#heap.pop()
      const callback = event.callback
      if (callback === undefined) {
        this.#cancelledCount -= 1
        continue
      }
      event.callback = undefined
      this.#nowMs = event.atMs
      this.#eventCount += 1
      this.#hash.foldNumber(event.atMs)
      this.#hash.foldText(event.label)
      callback()
      return true
    }
  }

  #cancel(event: Event): void {
    if (event.callback === undefined) return
    event.callback = undefined
    this.#cancelledCount += 1
    // Most time-outs are cancelled long before their time; they must not fill the heap until then.
    if (this.#cancelledCount > 64 && this.#cancelledCount * 2 > this.#heap.size) {
      this.#heap.filter((each) => each.callback !== undefined)
      this.#cancelledCount = 0
    }
  }
}

function promiseReactions(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve))
}
