import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { createInterface } from 'node:readline'

export interface QueueProcessOptions {
  readonly address: string
  readonly topic: string
  readonly group: string
  readonly count: number
  readonly lockMs: number
}

/** Takes `count` messages, prints them, and never says what became of them. */
const program = `
  import { connect } from '@polylog/client'
  const { address, topic, group, count, lockMs } = JSON.parse(process.argv[1])
  const client = await connect({ brokers: address })
  const queue = await client.openQueue({ group, topic, lockMs })
  for (let held = 0; held < count; ) {
    for (const message of await queue.pull({ max: count - held, waitMs: 1000 })) {
      held++
      console.log(String(message.value))
    }
  }`

/** A consumer of the SDK in a process of its own, which can be killed or stand still with messages in its hands. */
export class QueueProcess implements Disposable {
  readonly held: string[] = []
  readonly #child: ChildProcess
  readonly #killAtExit = (): void => this[Symbol.dispose]()

  private constructor(options: QueueProcessOptions) {
    const words = ['--input-type=module', '--eval', program, JSON.stringify(options)]
    this.#child = spawn(process.execPath, words, { cwd: import.meta.dirname, stdio: ['ignore', 'pipe', 'inherit'] })
    process.once('exit', this.#killAtExit)
    createInterface({ input: this.#child.stdout! }).on('line', (value) => this.held.push(value))
  }

  static start(options: QueueProcessOptions): QueueProcess {
    return new QueueProcess(options)
  }

  /** As by a machine that hangs: its connections stay, and nothing is said any more. */
  freeze(): void {
    this.#child.kill('SIGSTOP')
  }

  kill(): void {
    this.#child.kill('SIGKILL')
  }

  [Symbol.dispose](): void {
    process.removeListener('exit', this.#killAtExit)
    this.kill()
  }
}
