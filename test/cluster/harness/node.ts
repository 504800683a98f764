import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createWriteStream } from 'node:fs'
import { createInterface } from 'node:readline'
import { mainFile } from '../../system/broker-process.ts'

/** A run that throws out of turn does not stop its brokers; they must not outlive it. */
const running = new Set<ChildProcess>()
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL')
})

const startTimeLimitMs = 60_000

/** What runs as a broker: the sources, or another form of the same command. */
const programDefault = process.env['POLYLOG_PROGRAM'] ?? mainFile

export interface NodeOptions {
  readonly id: number
  /** What stands in front of the program. */
  readonly command: readonly string[]
  /** The program, where it is not the one that all run. */
  readonly program: string | undefined
  readonly directory: string
  /** What the broker says goes there, over all its lives. */
  readonly logFile: string
  readonly kafkaAddress: string
  readonly metadata: string
  /** Further flags of `polylog start`. */
  readonly flags: readonly string[]
  /** Where Node.js keeps compiled code, so that a restart on a busy machine is not all compiling. */
  readonly compileCache: string
}

/** One broker of the cluster: a process, and the directory that outlives it. */
export class ClusterNode {
  readonly id: number
  /** `host:port`; stays the same over restarts. */
  address: string
  readonly #options: NodeOptions
  #child: ChildProcess | undefined
  #paused = false

  constructor(options: NodeOptions) {
    this.id = options.id
    this.address = options.kafkaAddress
    this.#options = options
  }

  get isUp(): boolean {
    return this.#child !== undefined && !this.#paused
  }

  get pid(): number {
    return this.#child!.pid!
  }

  /** Starts the process (again); resolves when it serves, with the milliseconds that took. */
  async start(): Promise<number> {
    const { command, program = programDefault, directory, logFile, metadata, flags, compileCache } = this.#options
    if (this.#child !== undefined) throw new Error(`broker ${this.id} runs already`)
    const startMs = performance.now()
    const fixed = ['--data', directory, '--kafka', this.address, '--http', 'none', '--json']
    // A network of namespaces is none that others reach.
    fixed.push('--set', 'allow.anonymous.network=true')
    const words = ['start', ...fixed, '--metadata', metadata, '--broker-id', String(this.id), ...flags]
    const [first, ...rest] = [...command, process.execPath, program, ...words]
    const env = { ...plainEnvironment(), NODE_COMPILE_CACHE: compileCache }
    const child = spawn(first!, rest, { stdio: ['ignore', 'pipe', 'pipe'], env })
    this.#child = child
    running.add(child)
    child.once('exit', () => {
      running.delete(child)
      if (this.#child === child) this.#child = undefined
    })
    child.stderr.pipe(createWriteStream(logFile, { flags: 'a' }))
    const ready = await readyLine(child, `broker ${this.id} (${logFile})`)
    this.address = ready.kafka
    return performance.now() - startMs
  }

  /** Sends the signal; resolves with the exit code once the process is gone, null if a signal ended it. */
  async end(signal: 'SIGKILL' | 'SIGTERM'): Promise<number | null> {
    const child = this.#child
    if (child === undefined) return null
    const gone = once(child, 'exit')
    child.kill(signal)
    if (this.#paused) this.resume()
    const [code] = (await gone) as [number | null]
    return code
  }

  /** SIGSTOP: its connections stay, and nothing is answered. */
  pause(): void {
    this.#paused = true
    this.#child!.kill('SIGSTOP')
  }

  resume(): void {
    this.#paused = false
    this.#child!.kill('SIGCONT')
  }
}

/** Without what a broker would take for settings. */
function plainEnvironment(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('POLYLOG_')))
}

async function readyLine(child: ChildProcess, who: string): Promise<{ kafka: string }> {
  const patience = setTimeout(() => child.kill('SIGKILL'), startTimeLimitMs)
  try {
    return await new Promise((resolve, reject) => {
      createInterface({ input: child.stdout! }).once('line', (line) => resolve(JSON.parse(line) as { kafka: string }))
      child.once('error', reject)
      child.once('close', (code) => reject(new Error(`${who} ended with ${code} before it was ready`)))
    })
  } finally {
    clearTimeout(patience)
  }
}
