import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'

export interface CrashingConsumerOptions {
  readonly address: string
  readonly topic: string
  readonly group: string
  /** Value at which it is killed: after the work on it has begun, before it is committed. */
  readonly diesAt?: string
}

/** Prints each message as work on it begins; commits it by hand behind the work, unless that takes for ever. */
const program = `
  import kafkajs from 'kafkajs'
  const { address, topic, group, diesAt } = JSON.parse(process.argv[1])
  const retry = { initialRetryTime: 50, retries: 100 }
  const kafka = new kafkajs.Kafka({ brokers: [address], logLevel: kafkajs.logLevel.NOTHING, retry })
  const consumer = kafka.consumer({ groupId: group, sessionTimeout: 1000, heartbeatInterval: 200, maxWaitTimeInMs: 100 })
  await consumer.connect()
  await consumer.subscribe({ topic, fromBeginning: true })
  await consumer.run({
    autoCommit: false,
    eachMessage: async ({ partition, message }) => {
      const value = message.value.toString()
      console.log(value)
      if (value === diesAt) await new Promise(() => setInterval(() => undefined, 1000))
      await consumer.commitOffsets([{ topic, partition, offset: String(Number(message.offset) + 1) }])
    },
  })`

/** A kafkajs consumer in a process of its own, which can be killed in the middle of its work. */
export class CrashingConsumer implements Disposable {
  /** Values of the messages on which work has begun. */
  readonly begun: string[] = []
  readonly #child: ChildProcess
  readonly #killAtExit = (): void => this[Symbol.dispose]()

  private constructor(options: CrashingConsumerOptions) {
    const words = ['--input-type=module', '--eval', program, JSON.stringify(options)]
    const stdio = ['ignore', 'pipe', 'inherit'] as const
    this.#child = spawn(process.execPath, words, { cwd: import.meta.dirname, stdio: [...stdio] })
    process.once('exit', this.#killAtExit)
    createInterface({ input: this.#child.stdout! }).on('line', (value) => {
      this.begun.push(value)
      if (value === options.diesAt) this.#child.kill('SIGKILL')
    })
  }

  static start(options: CrashingConsumerOptions): CrashingConsumer {
    return new CrashingConsumer(options)
  }

  /** Resolves when the process is gone. */
  async gone(): Promise<void> {
    if (this.#child.exitCode === null && this.#child.signalCode === null) await once(this.#child, 'close')
  }

  [Symbol.dispose](): void {
    process.removeListener('exit', this.#killAtExit)
    this.#child.kill('SIGKILL')
  }
}
