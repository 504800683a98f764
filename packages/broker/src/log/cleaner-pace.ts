import type { Clock } from '../host/clock.ts'

/** Longest stretch of work without giving way to the broker's other work. */
const turnMsMax = 3

/** The cleaner is stopping; what was begun is given up. */
export class CleanerStopped extends Error {
  constructor() {
    super('the cleaner is stopping')
    this.name = 'CleanerStopped'
  }
}

/** Cuts long work into short turns of the event loop. Ask `isDue` often, and await `turn` when it says so. */
export class CleanerPace {
  readonly #clock: Clock
  #turnStartMs: number
  #stopped = false

  constructor(clock: Clock) {
    this.#clock = clock
    this.#turnStartMs = clock.monotonicMs()
  }

  get isDue(): boolean {
    return this.#stopped || this.#clock.monotonicMs() - this.#turnStartMs >= turnMsMax
  }

  /** Resolves in a later turn of the event loop. @throws CleanerStopped */
  async turn(): Promise<void> {
    if (!this.#stopped) await new Promise<void>((resolve) => this.#clock.endOfTurn(resolve))
    this.continue()
  }

  /** To be called after waiting for something else: a new turn has begun. @throws CleanerStopped */
  continue(): void {
    if (this.#stopped) throw new CleanerStopped()
    this.#turnStartMs = this.#clock.monotonicMs()
  }

  /** From now on `turn` and `continue` throw. */
  stop(): void {
    this.#stopped = true
  }
}
