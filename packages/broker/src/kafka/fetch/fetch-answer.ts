import type { FetchResponse, InferInput } from '@polylog/wire'
import type { ErrorCode } from '../../errors/errors.ts'
import { batchBytesOf, compressionNames, compressionOf } from '../../record/batch.ts'
import type { ReadResult } from '../../topic/partition.ts'
import type { BrokerNode } from '../broker-node.ts'
import type { LeaderHint } from '../find-partition.ts'
import type { FetchEntry } from './fetch-entry.ts'
import { entryKey } from './fetch-entry.ts'
import type { FetchSession } from './fetch-sessions.ts'

export type Response = InferInput<typeof FetchResponse>
type TopicAnswer = NonNullable<Response['responses']>[number]
type PartitionAnswer = NonNullable<TopicAnswer['partitions']>[number]

type LogOffsets = Pick<ReadResult, 'highWatermark' | 'lastStableOffset' | 'logStartOffset'>

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

  /** @param offsets what a follower needs to know of the leader's log all the same */
  addError(entry: FetchEntry, code: number, currentLeader?: LeaderHint, offsets?: LogOffsets): void {
    entry.toldHighWatermark = -1
    entry.toldLogStartOffset = -1
    this.add(entry, {
      partitionIndex: entry.index,
      errorCode: code,
      highWatermark: offsets?.highWatermark ?? -1,
      lastStableOffset: -1,
      logStartOffset: offsets?.logStartOffset ?? -1,
      currentLeader,
      abortedTransactions: null,
      records: noRecords,
    })
  }

  /** False if there is nothing that the client does not know. */
  addData(entry: FetchEntry, read: Omit<ReadResult, 'release'>, isReadCommitted: boolean): boolean {
    const hasNews =
      read.bytes > 0 ||
      read.highWatermark !== entry.toldHighWatermark ||
      read.logStartOffset !== entry.toldLogStartOffset
    if (this.isIncremental && !hasNews) return false
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
    return hasNews
  }

  /** The fetcher's log has records that the leader's never had, or has no more: where they part. */
  addDivergence(entry: FetchEntry, offsets: LogOffsets, divergingEpoch: { epoch: number; endOffset: number }): void {
    this.addEmpty(entry, offsets, { divergingEpoch })
  }

  /** Another replica is nearer to the consumer. */
  addPreferredReplica(entry: FetchEntry, offsets: LogOffsets, preferredReadReplica: number): void {
    this.addEmpty(entry, offsets, { preferredReadReplica })
  }

  private addEmpty(entry: FetchEntry, offsets: LogOffsets, told: Partial<PartitionAnswer>): void {
    entry.toldHighWatermark = -1
    this.add(entry, {
      partitionIndex: entry.index,
      errorCode: 0,
      highWatermark: offsets.highWatermark,
      lastStableOffset: offsets.lastStableOffset,
      logStartOffset: offsets.logStartOffset,
      abortedTransactions: null,
      records: noRecords,
      ...told,
    })
  }

  /** @param nodeEndpoints where the leaders are that errors have named */
  finish(nodeEndpoints: readonly BrokerNode[]): Response {
    return { errorCode: 0, sessionId: this.session?.id ?? 0, responses: this.topics, nodeEndpoints }
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
