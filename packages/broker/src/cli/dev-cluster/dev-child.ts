import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { CommandError } from '../exit-code.ts'

/** A program that was started and serves. */
export interface Launched {
  /** The process to watch. Its stdin is a pipe: the program ends when that does, so that it cannot outlive this one. */
  readonly child: ChildProcess
  /** The process to send signals to. */
  readonly pid: number
}

export interface DevChildParts {
  /** As people call it: `broker 2`. */
  readonly name: string
  /** Starts the program and resolves when it serves. Gives the process to `spawned` at once, so that it can be ended. */
  readonly launch: (spawned: (child: ChildProcess) => void) => Promise<Launched>
  /** Called with a sentence when something has happened that nobody here has asked for. */
  readonly told: (sentence: string) => void
}

/** One program of the cluster, over its lives. */
export class DevChild {
  readonly name: string
  readonly #parts: DevChildParts
  #child: ChildProcess | undefined
  #pid: number | undefined
  #isPaused = false
  #isStopping = false

  constructor(parts: DevChildParts) {
    this.name = parts.name
    this.#parts = parts
  }

  get state(): 'up' | 'starting' | 'paused' | 'down' {
    if (this.#child === undefined) return 'down'
    if (this.#isPaused) return 'paused'
    return this.#pid === undefined ? 'starting' : 'up'
  }

  /** Undefined while it does not serve. */
  get pid(): number | undefined {
    return this.#pid
  }

  /** @throws CommandError if it runs already, or does not come up */
  async start(): Promise<void> {
    if (this.#child !== undefined) throw new CommandError(`${this.name} runs already`)
    this.#isStopping = false
    const { pid } = await this.#parts.launch((child) => this.#watch(child))
    // It may have served and ended before this line.
    if (this.#child !== undefined) this.#pid = pid
  }

  /** @throws CommandError if it does not run */
  signal(signal: 'SIGKILL' | 'SIGTERM' | 'SIGSTOP' | 'SIGCONT'): void {
    if (this.#pid === undefined) throw new CommandError(`${this.name} does not run`)
    process.kill(this.#pid, signal)
    if (signal === 'SIGSTOP') this.#isPaused = true
    if (signal === 'SIGCONT') this.#isPaused = false
  }

  /** Asks it to end, waits so long, then ends it. Harmless when it does not run. */
  async stop(timeoutMs: number): Promise<void> {
    const child = this.#child
    if (child === undefined) return
    this.#isStopping = true
    const gone = once(child, 'exit')
    if (this.#pid === undefined) child.kill('SIGTERM')
    else {
      this.signal('SIGTERM')
      if (this.#isPaused) this.signal('SIGCONT')
    }
    const timer = setTimeout(() => {
      this.#parts.told(`${this.name} does not stop: it is killed`)
      if (this.#pid !== undefined) this.signal('SIGKILL')
      child.kill('SIGKILL')
    }, timeoutMs)
    await gone
    clearTimeout(timer)
  }

  #watch(child: ChildProcess): void {
    this.#child = child
    child.once('exit', (code, signal) => {
      const hadServed = this.#pid !== undefined
      this.#child = undefined
      this.#pid = undefined
      this.#isPaused = false
      // One that never served is told by `start`.
      if (hadServed && !this.#isStopping) this.#parts.told(`${this.name} has ended (${signal ?? `exit code ${code}`})`)
    })
  }
}
