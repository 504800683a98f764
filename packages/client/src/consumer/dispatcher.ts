import { Fifo } from '../fifo.ts'
import { deferred } from '../waiting.ts'

export interface DispatcherOptions<Job> {
  /** Jobs that run at a time. */
  concurrency: number
  /** Jobs of one lane run one after the other, in order; those without a lane as they come. */
  laneOf: (job: Job) => string | undefined
  /** Must not reject. */
  run: (job: Job) => Promise<void>
}

/** Runs jobs, some at a time. */
export class Dispatcher<Job> {
  readonly #options: DispatcherOptions<Job>
  readonly #ready = new Fifo<Job>()
  /** Jobs that wait for one of their lane, by lane; a lane is here while one of its jobs is ready or runs. */
  readonly #lanes = new Map<string, Fifo<Job>>()
  readonly #idle: (() => void)[] = []
  #runningCount = 0

  constructor(options: DispatcherOptions<Job>) {
    this.#options = options
  }

  get runningCount(): number {
    return this.#runningCount
  }

  push(job: Job): void {
    const lane = this.#options.laneOf(job)
    if (lane !== undefined) {
      const waiting = this.#lanes.get(lane)
      if (waiting !== undefined) return waiting.push(job)
      this.#lanes.set(lane, new Fifo())
    }
    this.#ready.push(job)
    this.#startSome()
  }

  /** Forgets the jobs that have not begun. */
  clear(): void {
    this.#ready.clear()
    for (const waiting of this.#lanes.values()) waiting.clear()
  }

  /** Resolves when no job runs. */
  async idle(): Promise<void> {
    if (this.#runningCount === 0) return
    const { promise, resolve } = deferred<void>()
    this.#idle.push(resolve)
    await promise
  }

  #startSome(): void {
    while (this.#runningCount < this.#options.concurrency) {
      const job = this.#ready.take()
      if (job === undefined) return
      this.#runningCount++
      void this.#options.run(job).then(() => this.#done(job))
    }
  }

  #done(job: Job): void {
    this.#runningCount--
    const lane = this.#options.laneOf(job)
    if (lane !== undefined) {
      const next = this.#lanes.get(lane)?.take()
      if (next === undefined) this.#lanes.delete(lane)
      else this.#ready.push(next)
    }
    this.#startSome()
    if (this.#runningCount === 0) for (const resolve of this.#idle.splice(0)) resolve()
  }
}
