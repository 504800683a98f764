import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { mainFile } from '../system/broker-process.ts'

export interface Ready {
  event: string
  kafka: string
  http: string[]
  etcd: string
  pids: number[]
  etcdPid: number
}

/** A dev cluster in a process; whatever happens, it ends with the test, for its stdin does. */
export class DevClusterProcess {
  readonly child: ChildProcess
  readonly ready: Promise<Ready>
  log = ''

  constructor(flags: readonly string[]) {
    const words = ['dev-cluster', '--json', '--kafka-port', '0', '--http-port', '0', ...flags]
    const settings = ['--set', 'offsets.topic.num.partitions=3', '--set', 'broker.session.timeout.ms=2000']
    this.child = spawn(process.execPath, [mainFile, ...words, ...settings], { stdio: ['pipe', 'pipe', 'pipe'] })
    this.child.stderr!.on('data', (chunk: Buffer) => (this.log += chunk.toString()))
    this.ready = new Promise((resolve, reject) => {
      createInterface({ input: this.child.stdout! }).once('line', (line) => resolve(JSON.parse(line) as Ready))
      this.child.once('close', (code) => reject(new Error(`the cluster ended with ${code}:\n${this.log}`)))
    })
    this.ready.catch(() => undefined)
  }

  type(line: string): void {
    this.child.stdin!.write(`${line}\n`)
  }

  async end(signal: NodeJS.Signals): Promise<number | null> {
    const gone = once(this.child, 'exit')
    this.child.kill(signal)
    const [code] = (await gone) as [number | null]
    return code
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.child.exitCode === null && this.child.signalCode === null) await this.end('SIGKILL')
  }
}
