/** What the load generator process is asked to do, sent to it as one message. */
export interface ProduceLoad {
  readonly topic: string
  readonly partitions: number
  /** Nominal size of a record batch; it holds as many records as fit, at least one. */
  readonly batchBytes: number
  readonly valueBytes: number
  /** Clients, each with a connection to every broker that leads one of the partitions. */
  readonly connections: number
  /** Requests in flight per connection; without meaning when a rate is given. */
  readonly inFlight: number
  /** Open loop: this many requests per second over all connections, sent on schedule whatever the answers do. */
  readonly requestsPerSecond?: number
  /** Ends the run once this many batch bytes are acknowledged, for filling a topic. */
  readonly bytesTotal?: number
}

/** A stretch of a partition one connection reads. */
export interface FetchRange {
  readonly connection: number
  readonly partition: number
  readonly from: number
  /** Exclusive; undefined = follow the partition for ever. */
  readonly to?: number
}

export interface FetchLoad {
  readonly topic: string
  readonly ranges: readonly FetchRange[]
  readonly partitionBytesMax: number
  /** Start again at `from` when `to` is reached; else the run ends once all ranges are read. */
  readonly repeat: boolean
}

export interface Address {
  readonly host: string
  readonly port: number
}

export interface Job {
  readonly brokers: readonly Address[]
  /** Per partition of the topic, which of `brokers` leads it; absent: the first leads all. */
  readonly leaders?: readonly number[]
  /** The server processes, to read their CPU time at both edges of the window; none: nothing is read. */
  readonly pids?: readonly number[]
  /** The processes of a metadata store that brokers run beside them, counted apart. */
  readonly storePids?: readonly number[]
  readonly warmupMs: number
  readonly measureMs: number
  readonly produce?: ProduceLoad
  readonly fetch?: FetchLoad
}
