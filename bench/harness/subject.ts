import type { ClientName } from '../clients/client.ts'
import type { Address } from '../load/job.ts'
import type { ServerProcess } from './process.ts'

/** A broker under test, or a cluster of them. */
export interface Subject {
  readonly name: string
  /** Of a cluster, one of the brokers: they tell of the others. */
  readonly address: Address
  /** The brokers' processes; empty when unknown. */
  readonly pids: readonly number[]
  /** The processes of the metadata store that runs beside the brokers; empty for a broker that needs none. */
  readonly storePids: readonly number[]
  /** Whether it is Kafka's protocol that it speaks. */
  readonly speaksKafka: boolean
  /** Who drives it where workloads are about clients; undefined: nobody can. */
  readonly client: ClientName | undefined
  /** It is only there for another client: its broker is measured under another name. */
  readonly isForClient: boolean
  /** Replicas of the topics that workloads make. */
  readonly replicas: number
  /** Where the brokers of a cluster serve their metrics; empty: nowhere. */
  readonly metrics: readonly Address[]
  /** Whether it keeps what it acknowledges; the limit server does not, so nothing of it can be checked. */
  readonly keepsRecords: boolean
  /** Stops it, throws its files out of the page cache, starts it on the same data. Absent for brokers started by others. */
  restartCold?(): Promise<void>
  /** Starts another one on an empty directory, passes it to `use`, and removes it. Absent for brokers started by others. */
  withFresh?<T>(use: (process: ServerProcess) => Promise<T>): Promise<T>
  stop(): Promise<void>
}

export interface SubjectOptions {
  /** Parent of the data directories. */
  readonly directory: string
  readonly pid: number | undefined
  /** Program and arguments that run the `polylog` command. */
  readonly polylogCommand: readonly string[] | undefined
}
