import { fork } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import type { Acknowledged, Read } from '../../system/kill/history.ts'
import { until } from '../../system/wait.ts'
import { Gaps } from './gaps.ts'
import type { GroupReader } from '../../system/kill/group-reader.ts'
import type { LibrdkafkaEvent, LibrdkafkaOrder, LibrdkafkaSettings } from './librdkafka-events.ts'
import type { Writer } from './writer.ts'

const program = fileURLToPath(new URL('librdkafka-program.ts', import.meta.url))

/** Producers and one member of a group with librdkafka, in a process of their own. */
export class LibrdkafkaProcess {
  readonly writers: readonly (Writer & { acknowledged: Acknowledged[]; errors: string[] })[]
  readonly reader: GroupReader & { read: Read[]; committed: Map<number, number>; errors: string[] }
  readonly #child: ChildProcess
  readonly #stopped = new Set<LibrdkafkaEvent['kind']>()

  constructor(settings: LibrdkafkaSettings) {
    const { groupId, laneCount } = settings
    this.#child = fork(program, [JSON.stringify(settings)], { stdio: ['ignore', 'ignore', 'ignore', 'ipc'] })
    this.#child.on('message', (event) => this.#take(event as LibrdkafkaEvent))
    this.writers = Array.from({ length: laneCount }, () => {
      const stop = (): Promise<void> => this.#stop('stop-writers', 'writers-stopped')
      return { kind: 'librdkafka', acknowledged: [], errors: [], gaps: new Gaps(), stop }
    })
    const stop = async (): Promise<void> => {
      await this.#stop('stop-reader', 'reader-stopped')
      this.#child.kill('SIGKILL')
    }
    this.reader = { groupId, read: [], committed: new Map(), errors: [], stop }
  }

  async #stop(order: LibrdkafkaOrder, answer: LibrdkafkaEvent['kind']): Promise<void> {
    this.#child.send(order)
    await until(`librdkafka says ${answer}`, () => this.#stopped.has(answer) || !this.#child.connected)
  }

  #take(event: LibrdkafkaEvent): void {
    if (event.kind === 'acknowledged') {
      const { acknowledged, gaps } = this.writers[event.lane]!
      acknowledged.push(...event.records)
      gaps.served()
    } else if (event.kind === 'failed') this.writers[event.lane]!.errors.push(event.error)
    else if (event.kind === 'read') this.reader.read.push(...event.records)
    else if (event.kind === 'read-failed') this.reader.errors.push(event.error)
    else if (event.kind === 'committed') {
      const { committed } = this.reader
      committed.set(event.partition, Math.max(event.offset, committed.get(event.partition) ?? 0))
    } else this.#stopped.add(event.kind)
  }
}
