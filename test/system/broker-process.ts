import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'

/** What the `polylog` command runs. */
export const mainFile = fileURLToPath(new URL('../../packages/broker/src/main.ts', import.meta.url))

/** A test that throws out of turn ends without disposing of its brokers; they must not outlive it. */
const running = new Set<ChildProcess>()
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL')
})

const logBytesMax = 65_536

interface ReadyLine {
  event: 'ready'
  kafka: string
  http: string
  pid: number
}

export interface BrokerProcessOptions {
  /** `host:port` to listen at; any free port of loopback by default. */
  address?: string
  /** Further flags of `polylog start`. */
  flags?: readonly string[]
  /** Program to run instead of the command; it takes the same flags. For brokers that are broken on purpose. */
  entry?: string
}

/** A Polylog broker in a process of its own, on a data directory that outlives it. */
export class BrokerProcess {
  readonly directory: string
  /** `host:port`; the port stays the same over restarts, so that clients find the broker again. */
  address: string
  http = ''
  /** What the processes have written to stderr, the last 64 KiB. */
  log = ''
  readonly #options: BrokerProcessOptions
  #child: ChildProcess | undefined

  private constructor(options: BrokerProcessOptions) {
    this.#options = options
    this.address = options.address ?? '127.0.0.1:0'
    this.directory = temporaryDirectory()
  }

  static async start(options: BrokerProcessOptions = {}): Promise<BrokerProcess> {
    const broker = new BrokerProcess(options)
    try {
      await broker.restart()
    } catch (error) {
      await broker[Symbol.asyncDispose]()
      throw error
    }
    return broker
  }

  get port(): number {
    return Number(this.address.slice(this.address.lastIndexOf(':') + 1))
  }

  get pid(): number {
    return this.#child!.pid!
  }

  /** Resident memory of the process in bytes, or undefined where /proc does not tell. */
  get residentBytes(): number | undefined {
    if (process.platform !== 'linux') return undefined
    const kib = /^VmRSS:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${this.pid}/status`, 'latin1'))![1]
    return Number(kib) * 1024
  }

  /** Starts the process (again) and resolves when it serves. */
  async restart(): Promise<void> {
    const { entry = mainFile, flags = [] } = this.#options
    const fixed = ['start', '--data', this.directory, '--kafka', this.address, '--http', '127.0.0.1:0', '--json']
    const child = spawn(process.execPath, [entry, ...fixed, ...flags], { stdio: ['ignore', 'pipe', 'pipe'] })
    this.#child = child
    running.add(child)
    child.once('exit', () => running.delete(child))
    child.stderr.on('data', (chunk: Buffer) => {
      this.log = (this.log + chunk.toString()).slice(-logBytesMax)
    })
    const lines = createInterface({ input: child.stdout })
    const ready = await new Promise<ReadyLine>((resolve, reject) => {
      lines.once('line', (line) => resolve(JSON.parse(line) as ReadyLine))
      // 'close' and not 'exit', so that what it said last is in the log.
      child.once('close', (code) =>
        reject(new Error(`the broker ended with ${code} before it was ready:\n${this.log}`)),
      )
    })
    this.address = ready.kafka
    this.http = ready.http
  }

  /** kill -9; resolves when the process is gone. */
  async kill(): Promise<void> {
    await this.end('SIGKILL')
  }

  /** SIGTERM; resolves with the exit code, null if a signal ended it. */
  terminate(): Promise<number | null> {
    return this.end('SIGTERM')
  }

  /** Sends the signal and resolves with the exit code once the process is gone. */
  async end(signal: NodeJS.Signals): Promise<number | null> {
    const ended = this.ended()
    this.#child!.kill(signal)
    return ended
  }

  signal(signal: NodeJS.Signals): void {
    this.#child!.kill(signal)
  }

  /** Resolves with the exit code once the process is gone, null if a signal ended it. */
  async ended(): Promise<number | null> {
    const child = this.#child!
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
    return child.exitCode
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.kill()
    rmSync(this.directory, { recursive: true, force: true })
  }
}

/** A new folder that no one else uses; the caller removes it. */
export function temporaryDirectory(): string {
  return mkdtempSync(join(tmpdir(), 'polylog-system-'))
}
