import type { ErrorCode } from '../errors/errors.ts'
import type { Ownership } from '../host/frame-memory.ts'

/** What a successful append answers. */
export interface Appended {
  /** Offset of the first record. For a duplicate: the offset it was given the first time. */
  baseOffset: number
  /** Offset after the last record; acknowledge once the high watermark has reached it. */
  endOffset: number
  /** Milliseconds since 1970 if the topic uses LogAppendTime, else -1. */
  logAppendTimeMs: number
  /** True if an idempotent producer sent this batch before; nothing was stored again. */
  duplicate: boolean
}

/** An append that was refused. A value, not an exception: producers can cause it at full speed. */
export interface AppendFault {
  code: ErrorCode
  detail: string
  /** Places in the batch of the records that are to blame for it; absent if it is the batch as a whole. */
  recordIndexes?: readonly number[]
}

export type IsolationLevel = 'read-uncommitted' | 'read-committed'

export interface ReadRequest {
  /** First offset wanted. The batch that holds it is returned whole, also when it starts earlier. */
  offset: number
  /** Soft limit: the first batch is returned however large, if `atLeastOne`. Later ones only while they fit. */
  bytesMax: number
  atLeastOne: boolean
  isolation: IsolationLevel
}

export interface ReadResult {
  /** Whole batches in offset order, as views on memory that does not change while the result is held. */
  chunks: readonly Uint8Array[]
  /** Sum of the lengths of `chunks`. */
  bytes: number
  highWatermark: number
  lastStableOffset: number
  logStartOffset: number
  /** Transactions to be skipped, for read-committed. */
  abortedTransactions: readonly { producerId: number; firstOffset: number }[]
  /** Must be called once the chunks are no longer needed, so that pooled buffers return. */
  release(): void
}

/** What a follower says with a fetch. */
export interface ReplicaFetch {
  /** Broker id of the follower. */
  replicaId: number
  /** Its broker epoch; -1 if it does not say. One that is not the registered one does not count (KIP-903). */
  replicaEpoch: number
  /** Leader epoch in which it follows: what it says of its log is about that leader's. */
  currentLeaderEpoch: number
  /** Everything below is on its disk. */
  fetchOffset: number
  /** Leader epoch of its last record before `fetchOffset`, -1 if it has none: tells whether its log is a part of ours. */
  lastFetchedEpoch: number
  logStartOffset: number
}

/** A partition whose log this broker holds and leads: what producers and consumers of every protocol talk to. */
export interface Partition {
  readonly topicName: string
  /** 22 characters, base64url of a UUID. */
  readonly topicId: string
  readonly index: number
  readonly leaderEpoch: number

  /** First offset that can be read. */
  readonly logStartOffset: number
  /** Everything below is on disk on all in-sync replicas, and visible. */
  readonly highWatermark: number
  /** Everything below is on this broker's disk: what followers may have. */
  readonly durableOffset: number
  /** Visible to read-committed consumers. */
  readonly lastStableOffset: number
  /** Offset the next record will get. */
  readonly logEndOffset: number
  /**
   * False on a new leader until its high watermark has passed the start of its term: what was committed before may lie
   * beyond the high watermark, so that nobody can say where the partition ends (kafka.md §4.1 rule 4).
   */
  readonly isSettled: boolean
  /**
   * Set if a start has found that records from the end of the log on were there and are gone; names them, for people. They
   * count for `highWatermark`, which does not go back. Until they are back nobody can say what stands at that end or behind
   * it, or where the partition ends: 'storage', never "not there".
   */
  readonly missingRecords: string | undefined
  /** Bytes of the log as stored. */
  readonly sizeBytes: number

  /**
   * Checks, stamps (in place) and stores one batch from a producer: CRC, size, timestamps, sequence of an idempotent
   * producer, key on compacted topics. Synchronous; the batch is readable by followers at once but acknowledged only by
   * `whenCommitted(endOffset)`.
   *
   * @param batch the records field of the request. The log keeps a view of it if it may, else it copies.
   * @param owned whether the memory under `batch` may be kept; the log holds it itself for as long as it needs it
   * @param acks -1 wants min.insync.replicas checked before the append
   */
  append(batch: Uint8Array, owned: Ownership, acks: -1 | 0 | 1): Appended | AppendFault

  /**
   * Calls back once the high watermark has reached `endOffset`, or with the reason why it never will (disk failure,
   * partition removed, leadership lost). Callbacks of one partition run in offset order. May call back at once.
   */
  whenCommitted(endOffset: number, callback: (fault: AppendFault | undefined) => void): void

  /** As `whenCommitted`, once this broker alone has everything below `endOffset` on disk: acks=1. */
  whenDurable(endOffset: number, callback: (fault: AppendFault | undefined) => void): void

  /** Appends records of the broker itself (internal topics). Resolves with the base offset once they are committed. */
  appendRecords(records: readonly InternalRecord[]): Promise<number>

  /**
   * Reads batches below the high watermark (read-committed: below the last stable offset). An offset between that bound
   * and the log end gives an empty result. Returns at once from memory; a promise when the disk must be asked.
   * @throws BrokerError 'offset-out-of-range' (below the log start or above the log end), 'storage' (a disk that fails;
   * the end of a log that lacks records, or anything above it)
   */
  read(request: ReadRequest): ReadResult | Promise<ReadResult>

  /** Bytes that a consumer at `offset` could read now; an estimate that is exact for the tail and never too low there. */
  readableBytes(offset: number, isolation: IsolationLevel): number

  /**
   * Calls `listener` in the turn after the visible end moved, the log start moved past readers, or the partition ended.
   * @returns a function that removes the listener
   */
  onAdvance(listener: () => void): () => void

  /** First offset whose record has a timestamp >= `timestampMs`, in offset order; undefined if there is none. */
  offsetForTimestamp(
    timestampMs: number,
  ): Promise<{ offset: number; timestampMs: number; leaderEpoch: number } | undefined>

  /** The record with the largest timestamp (the first such); undefined if the log is empty. */
  offsetOfMaxTimestamp(): Promise<{ offset: number; timestampMs: number; leaderEpoch: number } | undefined>

  /** Leader epoch of the record at `offset`, or of the last one before it; -1 if unknown. */
  epochAt(offset: number): number

  /**
   * Largest known leader epoch <= `epoch` and the offset where the next one starts (KIP-101, KIP-279); { -1, -1 } if
   * unknown. kafka.md §2.5 has the corner cases.
   */
  endOfEpoch(epoch: number): { leaderEpoch: number; endOffset: number }

  /**
   * Moves the log start to `offset` (-1: the high watermark). Returns the new log start once that is durable.
   * @throws BrokerError 'offset-out-of-range'
   */
  deleteRecordsBefore(offset: number): Promise<number>

  /**
   * Takes note of how far a follower is; moves the high watermark. What it has beyond the point where its log parts from
   * this one is not counted: it is going to be cut off.
   * @returns why the fetch is refused: it is about another leader epoch, or comes from a broker that has no replica
   */
  noteFetch(fetch: ReplicaFetch): ErrorCode | undefined

  /** As `read`, for a follower: up to `durableOffset`. @throws as `read` */
  readForReplica(request: Omit<ReadRequest, 'isolation'>): ReadResult | Promise<ReadResult>

  /** As `onAdvance`, also when `durableOffset` or the high watermark moved. */
  onReplicaAdvance(listener: () => void): () => void

  /** Broker id of the replica that a consumer in `rack` shall read from at `offset`; -1: here (KIP-392). */
  preferredReadReplica(rack: string, offset: number): number

  /** Idempotent producers that are known here (DescribeProducers). */
  activeProducers(): readonly ActiveProducer[]
}

export interface InternalRecord {
  key: Uint8Array | null
  value: Uint8Array | null
}

export interface ActiveProducer {
  producerId: number
  producerEpoch: number
  lastSequence: number
  lastTimestampMs: number
  /** -1 when no transaction is open. */
  transactionStartOffset: number
}
