import type { ClientName } from '../clients/client.ts'
import type { ClientPairs } from '../harness/remote-clients.ts'
import type { Generator } from '../harness/generator.ts'
import type { Subject } from '../harness/subject.ts'

/** What one measured window of one broker showed; absent metrics do not apply. Times in the unit the name says. */
export interface Sample {
  mbPerSecond?: number
  recordsPerSecond?: number
  requestsPerSecond?: number
  /** Messages that went through a queue all the way. */
  messagesPerSecond?: number
  p50Us?: number
  p99Us?: number
  p999Us?: number
  /** From sending to the confirmation. */
  confirmP99Us?: number
  /** CPU time of the server per message. */
  cpuUsPerMessage?: number
  /** CPU seconds of the server per 10^9 bytes of record batches. */
  cpuSecondsPerGb?: number
  /** Of all brokers together, as the figure above. */
  serverCores?: number
  /** Of the metadata store beside the brokers. */
  storeCores?: number
  /** Share of a core the load generator used; near 1 it was the limit. */
  generatorCores?: number
  /** Cores that neither used: other programs, the idle rivals, time the host took. Well above 0.1, figures are noise. */
  otherCores?: number
  /** Sum over the brokers. */
  peakMb?: number
  idleMb?: number
  startMs?: number
  /** p99 with many partitions divided by p99 with 10, of the same broker. */
  p99Factor?: number
  /** Resident memory with a backlog, above that without. */
  grownMb?: number
  /** Throughput with something wrong divided by that with nothing wrong. */
  shareOfHealthy?: number
  /** Bytes of records that followers took from leaders, per record produced. */
  replicatedBytesPerRecord?: number
  /** All bytes of requests and answers between brokers, per record produced. */
  brokerBytesPerRecord?: number
  errors?: number
}

export type Metric = keyof Sample

/** A threshold of issue 2 §7.3 or issue 4, as a ratio of our figure to the rival's. */
export interface Goal {
  readonly against: 'kafka' | 'limit' | 'itself' | 'rabbitmq' | 'bullmq' | 'kafkajs' | 'platformatic'
  /** Applies only if this client drives our broker. */
  readonly client?: ClientName
  /** Applies to clusters only; otherwise to brokers alone only. */
  readonly cluster?: true
  /** Applies to this durability only; undefined = to all. */
  readonly durability?: 'fsync' | 'os'
  readonly atLeast?: number
  readonly atMost?: number
}

export interface Bench {
  readonly generator: Generator
  readonly clients: ClientPairs
  /** Length of a measured window. */
  readonly measureMs: number
  readonly warmupMs: number
  /** How much is written for reads that must not come from the memory of the broker. */
  readonly coldBytes: number
  /** A smoke run: whether it works counts, not how fast it is. */
  readonly hasty: boolean
  /** A directory on the disk under test. */
  readonly directory: string
  /** Tells the user something at once. */
  readonly say: (text: string) => void
}

/**
 * What a broker must be able to do: take records, also keep all of them, be one that the harness can stop and start, be
 * a cluster that tells how much its brokers exchange, be a queue for the client that drives it, be a log for a library.
 */
export type Need = 'produce' | 'records' | 'restart' | 'traffic' | 'queue' | 'library'

/** One row of the results: prepared once per broker, then measured as often as asked, brokers in turn. */
export interface Workload {
  readonly name: string
  /** One line for people. */
  readonly title: string
  /** The figure ratios are made of. */
  readonly metric: Metric
  readonly goals: readonly Goal[]
  readonly needs: Need
  /** How many brokers there must be; default 1. */
  readonly brokersMin?: number
  prepare(bench: Bench, subject: Subject): Promise<PreparedWorkload>
}

export interface PreparedWorkload {
  readonly measure: () => Promise<Sample>
  readonly cleanup: () => Promise<void>
}
