import { fork } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import type { SeedReport } from './seed-report.ts'

/** Seeds that are run until there are no more of them or the time is over. */
export interface SeedRange {
  first: number
  /** Infinity: until the time is over. */
  count: number
  /** Nothing is begun after this long. */
  durationMs: number
}

/** A process that has grown beyond this ends after its seed, and another goes on. */
const memoryBytesMax = 1024 * 1024 * 1024
/** A run that takes longer than this on any machine does not end at all. */
const seedMsMax = 900_000

/** Gives out seeds to processes, each of which is sent one seed at a time and answers with a `SeedReport`. */
export class SeedWorkers {
  readonly #program: { path: string; args: readonly string[] }
  readonly #report: (report: SeedReport) => void
  readonly #end: number
  readonly #endMs: number
  #next: number
  #isOver = false

  constructor(
    program: { path: string; args: readonly string[] },
    { first, count, durationMs }: SeedRange,
    report: (report: SeedReport) => void,
  ) {
    this.#program = program
    this.#report = report
    this.#next = first
    this.#end = first + count
    this.#endMs = performance.now() + durationMs
  }

  /** Ends what runs, and begins nothing more. */
  stop(): void {
    this.#isOver = true
  }

  async run(workerCount: number): Promise<void> {
    const count = Math.min(workerCount, this.#end - this.#next)
    await Promise.all(Array.from({ length: count }, () => this.#work()))
  }

  #take(): number | undefined {
    if (this.#isOver || this.#next >= this.#end || performance.now() >= this.#endMs) return undefined
    this.#next += 1
    return this.#next - 1
  }

  /** A process that dies takes its seed with it, which counts as wrong. */
  async #work(): Promise<void> {
    for (let seed = this.#take(); seed !== undefined; ) {
      const worker = fork(this.#program.path, this.#program.args)
      const lost = await this.#serve(worker, seed)
      if (lost !== undefined) {
        const text = `seed ${lost.seed}: the process ended with ${lost.end}`
        this.#report({ seed: lost.seed, verdict: 'wrong', text, kinds: ['process-end'], facts: undefined })
      }
      seed = this.#take()
    }
  }

  /** Lets one process run seeds until it is told to end; resolves with the seed that it has not answered for, if any. */
  #serve(worker: ChildProcess, first: number): Promise<{ seed: number; end: string } | undefined> {
    return new Promise((resolve) => {
      let running: number | undefined = first
      let watchdog: NodeJS.Timeout | undefined
      const give = (seed: number): void => {
        running = seed
        worker.send(seed)
        watchdog = setTimeout(() => worker.kill('SIGKILL'), seedMsMax)
      }
      worker.on('message', (message) => {
        const report = message as SeedReport
        clearTimeout(watchdog)
        running = undefined
        this.#report(report)
        const isGrown = (report.facts?.memoryBytes ?? 0) > memoryBytesMax
        const seed = isGrown ? undefined : this.#take()
        if (seed === undefined) worker.disconnect()
        else give(seed)
      })
      worker.on('exit', (code, signal) => {
        clearTimeout(watchdog)
        resolve(running === undefined ? undefined : { seed: running, end: String(code ?? signal) })
      })
      give(first)
    })
  }
}

/** The other side: answers each seed that the parent process sends, until it hangs up. */
export function serveSeeds(run: (seed: number) => Promise<SeedReport>): void {
  // Who stops the whole waits for the seed that runs.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => undefined)
  process.on('message', (seed) => {
    void run(seed as number).then((report) => process.send!(report))
  })
}
