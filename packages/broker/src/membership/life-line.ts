import { BrokerError } from '../errors/errors.ts'
import type { Clock, Timer } from '../host/clock.ts'
import type { Logger } from '../telemetry/logger.ts'

/** A connection to another broker that carries nothing: its end is the news. */
export interface PeerLine {
  /** Calls `listener` once when the connection is over, whoever ended it. */
  onClose(listener: () => void): void
  close(): void
}

export interface LifeLineParts {
  /**
   * Connects to the broker, which has to prove who it is. `refused`: nobody listens on its port. Rejects with BrokerError for
   * any other reason.
   */
  readonly dial: () => Promise<PeerLine | 'refused'>
  readonly clock: Clock
  readonly logger: Logger
  /** Between the first refusal and the dial that confirms it. */
  readonly confirmMs: number
  /** Called when the refusal is confirmed, and again after each further one. Must not reject. */
  readonly refused: () => Promise<void>
}

/** Time between two dials that nothing urgent asks for. */
const retryMs = 1000
/** Refusals in a row that count: one alone may be a port that is closed for a moment. */
const refusalsMin = 2

/**
 * Watches one registration of another broker over a connection of its own: the system closes it, and refuses the next,
 * within milliseconds of the death of a process. Only a broker that was reached before can be refused: one that never was
 * may be behind a firewall, so that the same fault is never taken twice for a death. A dial that is not answered says
 * nothing, for the network may be at fault, or the machine be busy.
 */
export class LifeLine {
  readonly #parts: LifeLineParts
  #line: PeerLine | undefined
  #refusalCount = 0
  #timer: Timer | undefined
  #endPause: (() => void) | undefined
  #isClosed = false

  constructor(parts: LifeLineParts) {
    this.#parts = parts
    this.#run().catch((error: unknown) => {
      const stack = error instanceof Error ? error.stack : String(error)
      parts.logger.error('a life line has broken, which is a bug', { stack })
    })
  }

  /** Looks at once whether a refusal that was confirmed still stands: what follows from it may have changed. */
  look(): void {
    if (this.#refusalCount >= refusalsMin) this.#endPause?.()
  }

  close(): void {
    this.#isClosed = true
    this.#line?.close()
    this.#endPause?.()
  }

  async #run(): Promise<void> {
    const { clock, confirmMs, refused } = this.#parts
    let wasReached = false
    while (!this.#isClosed) {
      const outcome = await this.#dial()
      if (outcome !== undefined && outcome !== 'refused') {
        wasReached = true
        this.#refusalCount = 0
        const sinceMs = clock.monotonicMs()
        await this.#hold(outcome)
        // Who takes connections only to close them shall not be dialled without end.
        if (clock.monotonicMs() - sinceMs < retryMs) await this.#pause(confirmMs)
        continue
      }
      this.#refusalCount = wasReached && outcome === 'refused' ? this.#refusalCount + 1 : 0
      if (this.#refusalCount >= refusalsMin && !this.#isClosed) await refused()
      await this.#pause(this.#refusalCount > 0 && this.#refusalCount < refusalsMin ? confirmMs : retryMs)
    }
  }

  async #dial(): Promise<PeerLine | 'refused' | undefined> {
    try {
      return await this.#parts.dial()
    } catch (error) {
      if (!(error instanceof BrokerError)) throw error
      return undefined
    }
  }

  /** Until the line is over. */
  async #hold(line: PeerLine): Promise<void> {
    this.#line = line
    const over = new Promise<void>((resolve) => line.onClose(resolve))
    if (this.#isClosed) line.close()
    await over
    this.#line = undefined
  }

  #pause(delayMs: number): Promise<void> {
    if (this.#isClosed) return Promise.resolve()
    return new Promise((resolve) => {
      this.#endPause = () => {
        this.#timer?.cancel()
        this.#endPause = undefined
        resolve()
      }
      this.#timer = this.#parts.clock.startTimer(delayMs, () => this.#endPause?.())
    })
  }
}
