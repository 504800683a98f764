import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { openSync } from 'node:fs'
import { createInterface } from 'node:readline'
import { CommandError } from '../exit-code.ts'
import type { Launched } from './dev-child.ts'
import type { DevDirectory } from './dev-directory.ts'

interface ReadyLine {
  kafka: string
  http: string
  pid: number
}

export interface DevBrokerParts {
  readonly id: number
  readonly directory: DevDirectory
  readonly kafkaPort: number
  readonly httpPort: number
  /** The store, asked for at each start. */
  readonly metadata: () => string
  /** Further flags of `polylog start`. */
  readonly flags: readonly string[]
}

/** How to start one broker of a dev cluster; its addresses stay the same over its lives. */
export class DevBroker {
  readonly id: number
  /** `host:port`. */
  kafka: string
  http: string
  readonly #parts: DevBrokerParts

  constructor(parts: DevBrokerParts) {
    this.id = parts.id
    this.#parts = parts
    this.kafka = `127.0.0.1:${parts.kafkaPort}`
    this.http = `127.0.0.1:${parts.httpPort}`
  }

  /** @throws CommandError with the broker's own words */
  async launch(spawned: (child: ChildProcess) => void): Promise<Launched> {
    const { directory, flags, metadata } = this.#parts
    const name = `broker-${this.id}`
    const words = [
      ['start', '--json', '--until-stdin-ends', '--data', directory.dataOf(name), '--broker-id', String(this.id)],
      ['--kafka', this.kafka, '--http', this.http, '--metadata', metadata(), ...flags],
    ].flat()
    const log = openSync(directory.logOf(name), 'a')
    // A group of its own: Ctrl-C in the terminal is for this program, which then stops the brokers.
    const child = spawn(process.execPath, [...process.execArgv, process.argv[1]!, ...words], {
      stdio: ['pipe', 'pipe', log],
      detached: true,
    })
    spawned(child)
    const ready = await new Promise<ReadyLine>((resolve, reject) => {
      createInterface({ input: child.stdout! }).once('line', (line) => resolve(JSON.parse(line) as ReadyLine))
      child.once('error', reject)
      child.once('close', () => reject(new CommandError(`broker ${this.id}: ${directory.lastWordOf(name)}`)))
    })
    this.kafka = ready.kafka
    this.http = ready.http
    return { child, pid: ready.pid }
  }
}
