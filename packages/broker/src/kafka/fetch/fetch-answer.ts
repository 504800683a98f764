import type { FetchResponse, InferInput } from '@polylog/wire'
import type { ErrorCode } from '../../errors/errors.ts'
import { batchBytesOf, compressionNames, compressionOf } from '../../record/batch.ts'
import type { ReadResult } from '../../topic/partition.ts'
import type { FetchEntry } from './fetch-entry.ts'
import { entryKey } from './fetch-entry.ts'
import type { FetchSession } from './fetch-sessions.ts'

export type Response = InferInput<typeof FetchResponse>
type TopicAnswer = NonNullable<Response['responses']>[number]
type PartitionAnswer = NonNullable<TopicAnswer['partitions']>[number]

interface TopicGroup {
  readonly topic: string
  readonly topicId: string
  readonly partitions: PartitionAnswer[]
}

const zstd = compressionNames.indexOf('zstd')
const noRecords: readonly Uint8Array[] = []

/** Collects the answer to a Fetch, partition by partition, in the order in which they were served. */
export class FetchAnswer {
  private readonly topics: TopicGroup[] = []
  private readonly session: FetchSession | undefined
  private readonly isIncremental: boolean

  constructor(session: FetchSession | undefined, isIncremental: boolean) {
    this.session = session
    this.isIncremental = isIncremental
  }

  addError(entry: FetchEntry, code: number, currentLeader?: { leaderId: number; leaderEpoch: number }): void {
    entry.toldHighWatermark = -1
    entry.toldLogStartOffset = -1
    this.add(entry, {
      partitionIndex: entry.index,
      errorCode: code,
      highWatermark: -1,
      lastStableOffset: -1,
      logStartOffset: -1,
      currentLeader,
      abortedTransactions: null,
      records: noRecords,
    })
  }

  addData(entry: FetchEntry, read: Omit<ReadResult, 'release'>, isReadCommitted: boolean): void {
    const hasNews =
      read.bytes > 0 ||
      read.highWatermark !== entry.toldHighWatermark ||
      read.logStartOffset !== entry.toldLogStartOffset
    if (this.isIncremental && !hasNews) return
    entry.toldHighWatermark = read.highWatermark
    entry.toldLogStartOffset = read.logStartOffset
    if (read.bytes > 0) this.moveToEnd(entry)
    this.add(entry, {
      partitionIndex: entry.index,
      errorCode: 0,
      highWatermark: read.highWatermark,
      lastStableOffset: read.lastStableOffset,
      logStartOffset: read.logStartOffset,
      abortedTransactions: isReadCommitted ? read.abortedTransactions : null,
      records: read.chunks,
    })
  }

  /** The fetcher's log has records that the leader's never had, or has no more: where they part. */
  addDivergence(entry: FetchEntry, offsets: Omit<ReadResult, 'release'>, epoch: number, endOffset: number): void {
    entry.toldHighWatermark = -1
    this.add(entry, {
      partitionIndex: entry.index,
      errorCode: 0,
      highWatermark: offsets.highWatermark,
      lastStableOffset: offsets.lastStableOffset,
      logStartOffset: offsets.logStartOffset,
      divergingEpoch: { epoch, endOffset },
      abortedTransactions: null,
      records: noRecords,
    })
  }

  finish(): Response {
    return { errorCode: 0, sessionId: this.session?.id ?? 0, responses: this.topics }
  }

  private add(entry: FetchEntry, answer: PartitionAnswer): void {
    const last = this.topics.at(-1)
    if (last !== undefined && last.topic === entry.topic && last.topicId === entry.topicId) last.partitions.push(answer)
    else this.topics.push({ topic: entry.topic, topicId: entry.topicId, partitions: [answer] })
  }

  /** A partition that was served goes to the end of its session's order, so that a busy one does not starve the others. */
  private moveToEnd(entry: FetchEntry): void {
    const { session } = this
    if (session === undefined) return
    const key = entryKey(entry.topic, entry.topicId, entry.index)
    // The session may have forgotten it meanwhile, or hold another entry for it.
    if (session.entries.get(key) !== entry) return
    session.entries.delete(key)
    session.entries.set(key, entry)
  }
}

/** Clients before version 10 of Fetch do not know zstd and would take the batch for damaged. */
export function findCompressionFault(chunks: readonly Uint8Array[]): ErrorCode | undefined {
  for (const chunk of chunks) {
    for (let at = 0; at < chunk.length; at += batchBytesOf(chunk, at)) {
      if (compressionOf(chunk, at) === zstd) return 'unsupported-compression'
    }
  }
  return undefined
}
