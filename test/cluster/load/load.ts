import { Cluster, committedOffsets } from '@polylog/client/admin'
import { installLibrdkafka } from '../../system/clients/librdkafka/install.ts'
import { findAnomalies } from '../../system/kill/history.ts'
import { readInGroup } from '../../system/kill/group-reader.ts'
import type { GroupReader } from '../../system/kill/group-reader.ts'
import { readAll } from '../../system/kill/readers.ts'
import { until } from '../../system/wait.ts'
import type { TestCluster } from '../harness/test-cluster.ts'
import { writeWithKafkajs } from './kafkajs-writer.ts'
import { LibrdkafkaProcess } from './librdkafka-process.ts'
import type { Writer } from './writer.ts'

export const topic = 'ledger'
const partitionCount = 6
const offsetsTopic = '__consumer_offsets'

/** What clients saw of a run. */
export interface Verdict {
  /** Everything that no cluster may do, in sentences. */
  readonly anomalies: readonly string[]
  /** Errors that producers and members of groups were given after their own retries; commits are not among them. */
  readonly clientErrors: readonly string[]
  readonly acknowledged: number
  readonly read: number
  readonly clients: string
}

/** Real clients at work on one topic: two producers of each kind and a group of each. */
export class Load {
  readonly writers: readonly Writer[]
  readonly readers: readonly GroupReader[]
  readonly #cluster: TestCluster
  readonly #committed = new Map<string, ReadonlyMap<number, number>[]>()
  readonly #clients: string

  private constructor(cluster: TestCluster, writers: Writer[], readers: GroupReader[], clients: string) {
    this.#cluster = cluster
    this.writers = writers
    this.readers = readers
    this.#clients = clients
    for (const { groupId } of readers) this.#committed.set(groupId, [])
  }

  /** Makes the topic and resolves when every client has got something done. */
  static async start(cluster: TestCluster): Promise<Load> {
    await cluster.createTopic(topic, partitionCount)
    const { addresses } = cluster
    const writers: Writer[] = [0, 1].map((partition) => writeWithKafkajs(addresses, topic, partition))
    const readers: GroupReader[] = [await readInGroup(addresses, 'kafkajs-readers', topic, 200)]
    const installed = installLibrdkafka()
    if ('module' in installed) {
      const groupId = 'librdkafka-readers'
      const client = new LibrdkafkaProcess({ module: installed.module, addresses, topic, groupId, laneCount: 2 })
      writers.push(...client.writers)
      readers.push(client.reader)
    } else console.error(`\nNOT TESTED with librdkafka: ${installed.reason}\n`)
    const clients = 'module' in installed ? 'kafkajs, librdkafka' : 'kafkajs'
    const load = new Load(cluster, writers, readers, clients)
    await load.untilAllProgress()
    return load
  }

  get acknowledgedCount(): number {
    return this.writers.reduce((sum, { acknowledged }) => sum + acknowledged.length, 0)
  }

  /** Resolves when every writer, and every group, has got further than it is now. */
  async untilAllProgress(): Promise<void> {
    const counts = (): number[] => [
      ...this.writers.map(({ acknowledged }) => acknowledged.length),
      ...this.readers.map(({ read }) => read.length),
      ...this.readers.map(({ committed }) => [...committed.values()].reduce((sum, offset) => sum + offset, 0)),
    ]
    const before = counts()
    await until(
      () => `writers, readers and commits went from ${before.join()} to ${counts().join()}`,
      () => counts().every((count, index) => count > before[index]!),
    )
  }

  /** Kinds of producers. */
  get kinds(): string[] {
    return [...new Set(this.writers.map(({ kind }) => kind))]
  }

  /** Longest wait of any producer (of this kind) that touches this time, in ms. */
  longestGap(fromMs: number, toMs: number, kind?: string): number {
    const writers = this.writers.filter((writer) => kind === undefined || writer.kind === kind)
    return Math.max(...writers.map(({ gaps }) => gaps.longest(fromMs, toMs)))
  }

  /**
   * Notes what is committed by the word of clients, and what the cluster says of it. It may know of more than they do: the
   * answer to a commit can be lost. What it once said must stay as well.
   */
  async noteCommits(): Promise<void> {
    for (const { groupId, committed } of this.readers) {
      const noted = this.#committed.get(groupId)!
      const known = new Map(noted.at(-1) ?? [])
      for (const [partition, offset] of committed) known.set(partition, Math.max(offset, known.get(partition) ?? 0))
      noted.push(known)
      noted.push(await this.#committedOf(groupId))
    }
  }

  /** Ends the clients, waits until all replicas are in sync, reads everything and judges. */
  async finish(): Promise<Verdict> {
    await this.untilAllProgress()
    await Promise.all(this.writers.map((writer) => writer.stop()))
    await this.#cluster.untilInSync([topic, offsetsTopic])
    await this.noteCommits()
    await Promise.all(this.readers.map((reader) => reader.stop()))
    const acknowledged = this.writers.flatMap((writer) => writer.acknowledged)
    const readAfter = await readAll(this.#cluster.addresses, topic)
    const anomalies = new Set<string>()
    for (const { groupId, read } of this.readers) {
      const committed = this.#committed.get(groupId)!
      const found = findAnomalies({ refusals: [], acknowledged, readWhile: read, readAfter, committed })
      for (const anomaly of found) anomalies.add(anomaly)
    }
    if (anomalies.size === 0) this.#cluster.discard()
    return {
      anomalies: [...anomalies],
      clientErrors: [...this.writers, ...this.readers].flatMap(({ errors }) => errors),
      acknowledged: acknowledged.length,
      read: this.readers.reduce((sum, { read }) => sum + read.length, 0),
      clients: this.#clients,
    }
  }

  /** What the cluster says is committed; asked until the coordinator answers. */
  async #committedOf(groupId: string): Promise<Map<number, number>> {
    let found = new Map<number, number>()
    let reason = ''
    await until(
      () => `the coordinator of ${groupId} answers: ${reason}`,
      async () => {
        await using cluster = new Cluster({ brokers: this.#cluster.addresses, requestTimeoutMs: 5000 })
        try {
          const offsets = await committedOffsets(cluster, groupId)
          found = new Map(offsets.map(({ partition, offset }) => [partition, offset]))
          return true
        } catch (error) {
          if (!(error instanceof Error && error.name === 'ClientError')) throw error
          reason = error.message
          return false
        }
      },
    )
    return found
  }
}
