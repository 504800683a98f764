import type { FetchRequest, FetchResponse, Infer, InferInput } from '@polylog/wire'
import type { PeerFetchedPartition, PeerFetchPartition, PeerFetchRequest } from '../../replica/peers.ts'
import { errorCodeOf } from '../error-codes.ts'

type Request = InferInput<typeof FetchRequest>
type AskedTopic = Request['topics'] extends readonly (infer Topic)[] | undefined ? Topic : never
type Response = Infer<typeof FetchResponse>

const noRecords = Buffer.alloc(0)

/** The place of a request in a fetch session (KIP-227): an epoch of 0 opens one. */
export interface SessionPlace {
  readonly id: number
  readonly epoch: number
}

/** A request as Fetch 18 has it: everything where the session opens, else what has changed. */
export function encodeFetch(request: PeerFetchRequest, { id, epoch }: SessionPlace): Request {
  const isIncremental = epoch > 0
  return {
    replicaState: { replicaId: request.replicaId, replicaEpoch: request.replicaEpoch },
    maxWaitMs: request.waitMsMax,
    minBytes: request.bytesMin,
    maxBytes: request.bytesMax,
    sessionId: id,
    sessionEpoch: epoch,
    topics: groupAsked(isIncremental ? request.changed : request.all()),
    forgottenTopicsData: isIncremental ? groupForgotten(request.removed) : [],
  }
}

function groupAsked(asked: Iterable<PeerFetchPartition>): AskedTopic[] {
  const groups = new Map<string, { topicId: string; partitions: NonNullable<AskedTopic['partitions']>[number][] }>()
  for (const each of asked) {
    const group = groups.get(each.topicId) ?? { topicId: each.topicId, partitions: [] }
    groups.set(each.topicId, group)
    group.partitions.push({
      partition: each.index,
      currentLeaderEpoch: each.currentLeaderEpoch,
      fetchOffset: each.fetchOffset,
      lastFetchedEpoch: each.lastFetchedEpoch,
      logStartOffset: each.logStartOffset,
      partitionMaxBytes: each.bytesMax,
      highWatermark: each.highWatermark,
    })
  }
  return [...groups.values()]
}

function groupForgotten(removed: PeerFetchRequest['removed']) {
  const groups = new Map<string, { topicId: string; partitions: number[] }>()
  for (const { topicId, index } of removed) {
    const group = groups.get(topicId) ?? { topicId, partitions: [] }
    groups.set(topicId, group)
    group.partitions.push(index)
  }
  return [...groups.values()]
}

/** What the answer says of each partition in it. Records are views of the answer's own memory. */
export function decodeFetched({ responses }: Response): PeerFetchedPartition[] {
  return responses.flatMap(({ topicId, partitions }) =>
    partitions.map(({ partitionIndex, errorCode, highWatermark, logStartOffset, divergingEpoch, records }) => ({
      topicId,
      index: partitionIndex,
      error: errorCodeOf(errorCode),
      highWatermark,
      logStartOffset,
      diverging: divergingEpoch.epoch < 0 ? undefined : divergingEpoch,
      records: records ?? noRecords,
    })),
  )
}
