import type { Generator } from '../harness/generator.ts'
import type { Subject } from '../harness/subject.ts'

/** What one measured window of one broker showed; absent metrics do not apply. Times in the unit the name says. */
export interface Sample {
  mbPerSecond?: number
  recordsPerSecond?: number
  requestsPerSecond?: number
  p50Us?: number
  p99Us?: number
  p999Us?: number
  /** CPU seconds of the server per 10^9 bytes of record batches. */
  cpuSecondsPerGb?: number
  serverCores?: number
  /** Share of a core the load generator used; near 1 it was the limit. */
  generatorCores?: number
  /** Cores that neither used: other programs, the idle rivals, time the host took. Well above 0.1, figures are noise. */
  otherCores?: number
  peakMb?: number
  idleMb?: number
  startMs?: number
  /** p99 with many partitions divided by p99 with 10, of the same broker. */
  p99Factor?: number
  errors?: number
}

export type Metric = keyof Sample

/** A threshold of issue 2 §7.3, as a ratio of our figure to the rival's. */
export interface Goal {
  readonly against: 'kafka' | 'limit' | 'itself'
  /** Applies to this durability only; undefined = to all. */
  readonly durability?: 'fsync' | 'os'
  readonly atLeast?: number
  readonly atMost?: number
}

export interface Bench {
  readonly generator: Generator
  /** Length of a measured window. */
  readonly measureMs: number
  readonly warmupMs: number
  /** How much is written for reads that must not come from the memory of the broker. */
  readonly coldBytes: number
  /** A smoke run: whether it works counts, not how fast it is. */
  readonly hasty: boolean
  /** A directory on the disk under test. */
  readonly directory: string
}

/** What a broker must be able to do: take records, also keep all of them, or be one that the harness can stop and start. */
export type Need = 'produce' | 'records' | 'restart'

/** One row of the results: prepared once per broker, then measured as often as asked, brokers in turn. */
export interface Workload {
  readonly name: string
  /** One line for people. */
  readonly title: string
  /** The figure ratios are made of. */
  readonly metric: Metric
  readonly goals: readonly Goal[]
  readonly needs: Need
  prepare(bench: Bench, subject: Subject): Promise<PreparedWorkload>
}

export interface PreparedWorkload {
  readonly measure: () => Promise<Sample>
  readonly cleanup: () => Promise<void>
}
