import { Fifo } from '../fifo.ts'
import { deferred } from '../waiting.ts'

export interface DispatcherOptions<Job> {
  /** Jobs that run at a time. */
  concurrency: number
  /** Jobs of one lane run one after the other, in order; those without a lane as they come. */
  laneOf: (job: Job) => string | undefined
  /** Must not throw or reject. What it does at once costs no promise. */
  run: (job: Job) => Promise<void> | undefined
}

/** Runs jobs, some at a time. */
export class Dispatcher<Job> {
  readonly #options: DispatcherOptions<Job>
  readonly #ready = new Fifo<Job>()
  /** Jobs that wait for one of their lane, by lane; a lane is here while one of its jobs is ready or runs. */
  readonly #lanes = new Map<string, Fifo<Job>>()
  readonly #idle: (() => void)[] = []
  #runningCount = 0
  #isStarting = false
  /** Runs while nothing else does; nobody has asked for its lane yet. */
  #lone: Job | undefined

  constructor(options: DispatcherOptions<Job>) {
    this.#options = options
  }

  get runningCount(): number {
    return this.#runningCount
  }

  push(job: Job): void {
    if (this.#runningCount === 0 && this.#ready.length === 0 && !this.#isStarting) return this.#runAlone(job)
    if (this.#lone !== undefined) this.#openLane(this.#lone)
    const lane = this.#options.laneOf(job)
    if (lane !== undefined) {
      const waiting = this.#lanes.get(lane)
      if (waiting !== undefined) return waiting.push(job)
      this.#lanes.set(lane, new Fifo())
    }
    this.#ready.push(job)
    this.#startSome()
  }

  /** One that is done at once takes no lane: with most handlers that do not wait, all do. */
  #runAlone(job: Job): void {
    this.#lone = job
    this.#runningCount++
    this.#isStarting = true
    const running = this.#options.run(job)
    this.#isStarting = false
    if (running === undefined && this.#lone !== undefined) {
      this.#lone = undefined
      this.#ended()
      return
    }
    if (this.#lone !== undefined) this.#openLane(job)
    this.#doneAfter(running, job)
    this.#startSome()
  }

  /** The job that runs alone is not alone any more, or not done at once. */
  #openLane(job: Job): void {
    this.#lone = undefined
    const lane = this.#options.laneOf(job)
    if (lane !== undefined) this.#lanes.set(lane, new Fifo())
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
    // A job that is done at once ends here as well: the loop goes on, however many there are of that kind.
    if (this.#isStarting) return
    this.#isStarting = true
    while (this.#runningCount < this.#options.concurrency) {
      const job = this.#ready.take()
      if (job === undefined) break
      this.#runningCount++
      this.#doneAfter(this.#options.run(job), job)
    }
    this.#isStarting = false
  }

  #doneAfter(running: Promise<void> | undefined, job: Job): void {
    if (running === undefined) this.#done(job)
    else void running.then(() => this.#done(job))
  }

  #done(job: Job): void {
    const lane = this.#options.laneOf(job)
    if (lane !== undefined) {
      const next = this.#lanes.get(lane)?.take()
      if (next === undefined) this.#lanes.delete(lane)
      else this.#ready.push(next)
    }
    this.#ended()
  }

  #ended(): void {
    this.#runningCount--
    this.#startSome()
    if (this.#runningCount === 0 && this.#idle.length > 0) for (const resolve of this.#idle.splice(0)) resolve()
  }
}
