import { BrokerError } from '../errors/errors.ts'

export interface WorkLineLimits {
  /** Jobs at a time. */
  readonly concurrency: number
  /** Jobs that wait, in all and of one source. */
  readonly waitingMax: number
  readonly waitingPerSourceMax: number
}

/** Work that is too much to do all at once. Sources take turns, so that one that asks a lot delays itself only. */
export class WorkLine {
  readonly #limits: WorkLineLimits
  /** In the order of their turns. */
  readonly #waiting = new Map<string, (() => void)[]>()
  #waitingCount = 0
  #runningCount = 0

  constructor(limits: WorkLineLimits) {
    this.#limits = limits
  }

  /** Does `work` when its turn has come. @throws BrokerError 'limit-exceeded' if too much waits already */
  async run<T>(source: string, work: () => Promise<T>): Promise<T> {
    if (this.#runningCount >= this.#limits.concurrency) await this.#wait(source)
    else this.#runningCount++
    try {
      return await work()
    } finally {
      if (!this.#startNext()) this.#runningCount--
    }
  }

  #wait(source: string): Promise<void> {
    const jobs = this.#waiting.get(source) ?? []
    if (this.#waitingCount >= this.#limits.waitingMax || jobs.length >= this.#limits.waitingPerSourceMax) {
      throw new BrokerError('limit-exceeded', 'too many logins wait for their passwords to be checked')
    }
    this.#waiting.set(source, jobs)
    this.#waitingCount++
    return new Promise((resolve) => jobs.push(resolve))
  }

  /** Hands the place of a job that is done to the next one, if there is any. */
  #startNext(): boolean {
    const next = this.#waiting.entries().next().value
    if (next === undefined) return false
    const [source, jobs] = next
    this.#waiting.delete(source)
    const start = jobs.shift()!
    if (jobs.length > 0) this.#waiting.set(source, jobs)
    this.#waitingCount--
    start()
    return true
  }
}
