import type { InferInput, ShareFetchResponse } from '@polylog/wire'
import type { ErrorCode } from '../../errors/errors.ts'
import { errorTable } from '../../errors/errors.ts'
import type { Acquired } from '../../queue/queue-manager.ts'
import type { AcquiredRange } from '../../queue/queue-messages.ts'
import { kafkaErrorCode } from '../error-codes.ts'
import { LeaderHints } from '../find-partition.ts'
import type { RequestContext } from '../request-context.ts'
import { entryKey } from './share-sessions.ts'
import type { ShareEntry } from './share-sessions.ts'

type Response = InferInput<typeof ShareFetchResponse>
type TopicAnswer = NonNullable<Response['responses']>[number]
type PartitionAnswer = NonNullable<TopicAnswer['partitions']>[number]

const noRecords: readonly Uint8Array[] = []
const noLeader = { leaderId: -1, leaderEpoch: -1 }

/** What became of the acknowledgements in one partition. */
export interface AcknowledgeResult extends ShareEntry {
  readonly error: ErrorCode | undefined
  readonly detail: string | undefined
}

/** Collects what there is to say of partitions: records, errors, results of acknowledgements. */
export class ShareAnswer {
  readonly #context: RequestContext
  readonly #hints: LeaderHints
  readonly #partitions = new Map<string, { readonly topicId: string; readonly answer: PartitionAnswer }>()

  constructor(context: RequestContext) {
    this.#context = context
    this.#hints = new LeaderHints(context)
  }

  /** There is nothing to say but that the partition is in the session. */
  mention(entry: ShareEntry): void {
    this.#merge(entry, {})
  }

  /** @param batchSize offsets that one range shall hold at most; 0: as many as there are */
  addRecords(entry: ShareEntry, { chunks, ranges }: Acquired, batchSize: number): void {
    const acquiredRecords = batchSize > 0 ? ranges.flatMap((range) => split(range, batchSize)) : ranges
    this.#merge(entry, { records: chunks, acquiredRecords })
  }

  addError(entry: ShareEntry, error: ErrorCode): void {
    this.#count(error)
    const errorCode = kafkaErrorCode(error)
    this.#merge(entry, { errorCode, errorMessage: errorTable[error].message, ...this.#leader(entry, error) })
  }

  addAcknowledged({ error, detail, ...entry }: AcknowledgeResult): void {
    if (error === undefined) return this.mention(entry)
    this.#count(error)
    this.#merge(entry, {
      acknowledgeErrorCode: kafkaErrorCode(error),
      acknowledgeErrorMessage: detail ?? errorTable[error].message,
      ...this.#leader(entry, error),
    })
  }

  /** Answers of ShareFetch. */
  fetched(acquisitionLockTimeoutMs: number): Response {
    return { errorCode: 0, acquisitionLockTimeoutMs, responses: this.#topics(), nodeEndpoints: this.#hints.endpoints() }
  }

  /** The same for ShareAcknowledge, which has one error per partition. */
  acknowledged(acquisitionLockTimeoutMs: number) {
    const responses = this.#topics().map(({ topicId, partitions = [] }) => ({
      topicId,
      partitions: partitions.map(
        ({ partitionIndex, acknowledgeErrorCode, acknowledgeErrorMessage, currentLeader }) => ({
          partitionIndex,
          errorCode: acknowledgeErrorCode ?? 0,
          errorMessage: acknowledgeErrorMessage ?? null,
          currentLeader,
        }),
      ),
    }))
    return { errorCode: 0, acquisitionLockTimeoutMs, responses, nodeEndpoints: this.#hints.endpoints() }
  }

  #topics(): TopicAnswer[] {
    const topics = new Map<string, PartitionAnswer[]>()
    for (const { topicId, answer } of this.#partitions.values()) {
      const partitions = topics.get(topicId)
      if (partitions === undefined) topics.set(topicId, [answer])
      else partitions.push(answer)
    }
    return Array.from(topics, ([topicId, partitions]) => ({ topicId, partitions }))
  }

  #merge(entry: ShareEntry, news: PartitionAnswer): void {
    const key = entryKey(entry)
    const answer = this.#partitions.get(key)?.answer ?? {
      partitionIndex: entry.index,
      currentLeader: noLeader,
      records: noRecords,
    }
    this.#partitions.set(key, { topicId: entry.topicId, answer: { ...answer, ...news } })
  }

  #leader({ topicId, index }: ShareEntry, error: ErrorCode): PartitionAnswer {
    if (error !== 'not-leader' && error !== 'fenced-leader-epoch') return {}
    const topic = this.#context.services.topics.findById(topicId)
    const hint = topic && this.#hints.find(topic.name, index)
    return hint === undefined ? {} : { currentLeader: hint }
  }

  #count(error: ErrorCode): void {
    const { services, api } = this.#context
    services.metrics.errorAnswered(api.key, kafkaErrorCode(error))
  }
}

function split({ firstOffset, lastOffset, deliveryCount }: AcquiredRange, batchSize: number): AcquiredRange[] {
  const pieces: AcquiredRange[] = []
  for (let first = firstOffset; first <= lastOffset; first += batchSize) {
    pieces.push({ firstOffset: first, lastOffset: Math.min(lastOffset, first + batchSize - 1), deliveryCount })
  }
  return pieces
}
