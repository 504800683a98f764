import type { Clock, Timer } from '../clock.ts'
import type { MachineTime } from './machine-time.ts'
import type { ScheduledEvent, Scheduler } from './scheduler.ts'

/** An event-loop turn lasts up to this long, so that inputs which arrive close together are handled in one. */
const turnMsMax = 0.05

/** A timer lets this much time pass at least (Node.js: 1 ms): less may be lost in rounding, and who waits for the rest would wait for ever. */
const timerMsMin = 0.01

/** The clock of one process on a simulated machine. When the process dies, its timers die with it. */
export class SimulatedClock implements Clock {
  readonly #scheduler: Scheduler
  readonly #time: MachineTime
  readonly #name: string
  /** What events are called: texts made anew for each would take their time. */
  readonly #labels: { timer: string; endOfTurn: string; resumed: string }
  readonly #events = new Set<ScheduledEvent>()
  #turn: (() => void)[] = []
  /** What would have happened while the process is stopped; undefined while it runs. */
  #held: (() => void)[] | undefined
  #dead = false

  constructor(scheduler: Scheduler, time: MachineTime, name: string) {
    this.#scheduler = scheduler
    this.#time = time
    this.#name = name
    this.#labels = { timer: `${name} timer`, endOfTurn: `${name} end of turn`, resumed: `${name} resumed` }
  }

  nowMs(): number {
    return this.#time.wallMs()
  }

  monotonicMs(): number {
    return this.#time.monotonicMs()
  }

  startTimer(delayMs: number, callback: () => void): Timer {
    if (!(delayMs >= 0)) throw new RangeError(`timer delay of ${delayMs} ms`)
    let event: ScheduledEvent | undefined
    let isCancelled = false
    const dueMs = this.monotonicMs() + delayMs
    const arm = (): void => {
      const waitMs = Math.max(delayMs === 0 ? 0 : timerMsMin, dueMs - this.monotonicMs()) / this.#time.rate
      event = this.#schedule(waitMs, this.#labels.timer, () => {
        // A clock that has slowed down since has not reached the time yet. Less than a microsecond is rounding.
        if (isCancelled) return
        if (dueMs - this.monotonicMs() > 0.001) arm()
        else callback()
      })
    }
    arm()
    const cancel = (): void => {
      isCancelled = true
      this.#cancel(event!)
    }
    return { cancel }
  }

  endOfTurn(callback: () => void): void {
    this.#turn.push(callback)
    if (this.#turn.length > 1) return
    const lengthMs = this.#scheduler.random.next() * turnMsMax
    this.#schedule(lengthMs, this.#labels.endOfTurn, () => {
      const callbacks = this.#turn
      this.#turn = []
      this.#runTurn(callbacks, 0)
    })
  }

  /** One event for each, so that promise reactions of one run before the next, as between two setImmediate callbacks. */
  #runTurn(callbacks: (() => void)[], index: number): void {
    if (index + 1 < callbacks.length) {
      this.#schedule(0, this.#labels.endOfTurn, () => this.#runTurn(callbacks, index + 1))
    }
    callbacks[index]!()
  }

  /** SIGSTOP, as far as clocks go: time passes, and nothing is made of it. */
  pause(): void {
    this.#held ??= []
  }

  /** SIGCONT: all that is due happens, in its order. */
  resume(): void {
    const held = this.#held ?? []
    this.#held = undefined
    for (const callback of held) this.#schedule(0, this.#labels.resumed, callback)
  }

  /** The process is dead: nothing it has started happens any more. */
  kill(): void {
    this.#dead = true
    this.#held = undefined
    for (const event of this.#events) event.cancel()
    this.#events.clear()
  }

  #schedule(delayMs: number, label: string, callback: () => void): ScheduledEvent {
    if (this.#dead) throw new Error(`the process ${this.#name} is dead and cannot wait for anything`)
    const event = this.#scheduler.schedule(delayMs, label, () => {
      this.#events.delete(event)
      if (this.#held === undefined) callback()
      else this.#held.push(callback)
    })
    this.#events.add(event)
    return event
  }

  #cancel(event: ScheduledEvent): void {
    this.#events.delete(event)
    event.cancel()
  }
}
