import type { Clock, Timer } from '../clock.ts'
import type { MachineTime } from './machine-time.ts'
import type { ScheduledEvent, Scheduler } from './scheduler.ts'

/** An event-loop turn lasts up to this long, so that inputs which arrive close together are handled in one. */
const turnMsMax = 0.05

/** The clock of one process on a simulated machine. When the process dies, its timers die with it. */
export class SimulatedClock implements Clock {
  readonly #scheduler: Scheduler
  readonly #time: MachineTime
  readonly #label: string
  readonly #events = new Set<ScheduledEvent>()
  #turn: (() => void)[] = []
  #dead = false

  constructor(scheduler: Scheduler, time: MachineTime, name: string) {
    this.#scheduler = scheduler
    this.#time = time
    this.#label = name
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
    const dueMs = this.monotonicMs() + delayMs
    const arm = (): void => {
      const waitMs = Math.max(0, dueMs - this.monotonicMs()) / this.#time.rate
      event = this.#schedule(waitMs, `${this.#label} timer`, () => {
        // A clock that has slowed down since has not reached the time yet. Less than a microsecond is rounding.
        if (dueMs - this.monotonicMs() > 0.001) arm()
        else callback()
      })
    }
    arm()
    return { cancel: () => this.#cancel(event!) }
  }

  endOfTurn(callback: () => void): void {
    this.#turn.push(callback)
    if (this.#turn.length > 1) return
    const lengthMs = this.#scheduler.random.next() * turnMsMax
    this.#schedule(lengthMs, `${this.#label} end of turn`, () => {
      const callbacks = this.#turn
      this.#turn = []
      this.#runTurn(callbacks, 0)
    })
  }

  /** One event for each, so that promise reactions of one run before the next, as between two setImmediate callbacks. */
  #runTurn(callbacks: (() => void)[], index: number): void {
    if (index + 1 < callbacks.length) {
      this.#schedule(0, `${this.#label} end of turn`, () => this.#runTurn(callbacks, index + 1))
    }
    callbacks[index]!()
  }

  /** The process is dead: nothing it has started happens any more. */
  kill(): void {
    this.#dead = true
    for (const event of this.#events) event.cancel()
    this.#events.clear()
  }

  #schedule(delayMs: number, label: string, callback: () => void): ScheduledEvent {
    if (this.#dead) throw new Error(`the process ${this.#label} is dead and cannot wait for anything`)
    const event = this.#scheduler.schedule(delayMs, label, () => {
      this.#events.delete(event)
      callback()
    })
    this.#events.add(event)
    return event
  }

  #cancel(event: ScheduledEvent): void {
    this.#events.delete(event)
    event.cancel()
  }
}
