/** What the load generator process is asked to do, sent to it as one message. */
export interface ProduceLoad {
  readonly topic: string
  readonly partitions: number
  /** Nominal size of a record batch; it holds as many records as fit, at least one. */
  readonly batchBytes: number
  readonly valueBytes: number
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

export interface Job {
  readonly host: string
  readonly port: number
  /** The server process, to read its CPU time at both edges of the window. */
  readonly pid?: number
  readonly warmupMs: number
  readonly measureMs: number
  readonly produce?: ProduceLoad
  readonly fetch?: FetchLoad
}
