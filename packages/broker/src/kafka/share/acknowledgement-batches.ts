import type { Infer, ShareAcknowledgeRequest } from '@polylog/wire'
import type { AcknowledgeType, Acknowledgement } from '../../queue/queue-messages.ts'

type Topic = Infer<typeof ShareAcknowledgeRequest>['topics'][number]
type Batch = Topic['partitions'][number]['acknowledgementBatches'][number]

/** What is acknowledged in one partition. */
export interface PartitionAcknowledgements {
  readonly topicId: string
  readonly index: number
  readonly acknowledgements: readonly Acknowledgement[]
  /** What is wrong with them; undefined if nothing is. */
  readonly fault: string | undefined
}

/** It is kept in memory, and copied into each dead letter. */
const rejectReasonBytesMax = 256

/** By the numbers of the protocol. */
const typeNames: readonly AcknowledgeType[] = ['gap', 'accept', 'release', 'reject', 'renew']

/**
 * Reads the acknowledgements of a request, partition by partition; those without any are left out. A partition whose
 * batches break a rule has a fault, which does not concern the others.
 *
 * @param mayRenew whether the request has said that it renews (KIP-1222)
 */
export function readAcknowledgements(topics: readonly Topic[], mayRenew: boolean): PartitionAcknowledgements[] {
  return topics.flatMap(({ topicId, partitions }) =>
    partitions.flatMap(({ partitionIndex: index, acknowledgementBatches: batches }) => {
      if (batches.length === 0) return []
      const fault = batchesFault(batches, mayRenew)
      const acknowledgements = fault === undefined ? batches.map(acknowledgementOf) : []
      return { topicId, index, acknowledgements, fault }
    }),
  )
}

function batchesFault(batches: readonly Batch[], mayRenew: boolean): string | undefined {
  let endOffset = 0
  for (const { firstOffset, lastOffset, acknowledgeTypes: types, retryDelayMs, rejectReason } of batches) {
    if (firstOffset > lastOffset)
      return `The first offset ${firstOffset} is greater than the last offset ${lastOffset}.`
    if (firstOffset < endOffset) return `The batch at offset ${firstOffset} begins before the end of the one before.`
    endOffset = lastOffset + 1
    if (types.length === 0) return 'A batch has no acknowledge type.'
    if (types.length > 1 && types.length !== lastOffset - firstOffset + 1) {
      return 'A batch has neither one acknowledge type nor one per offset.'
    }
    if (types.some((type) => typeNames[type] === undefined)) return 'An acknowledge type is not known.'
    if (!mayRenew && types.some((type) => typeNames[type] === 'renew'))
      return 'The request does not say that it renews.'
    if (retryDelayMs < -1) return 'The delay of a retry is negative.'
    if (Buffer.byteLength(rejectReason) > rejectReasonBytesMax)
      return `The reason of a reject has more than ${rejectReasonBytesMax} bytes.`
  }
  return undefined
}

function acknowledgementOf(batch: Batch): Acknowledgement {
  const { firstOffset, lastOffset, acknowledgeTypes, retryDelayMs, rejectReason } = batch
  return {
    firstOffset,
    lastOffset,
    types: acknowledgeTypes.map((type) => typeNames[type]!),
    retryDelayMs: retryDelayMs < 0 ? undefined : retryDelayMs,
    rejectReason: rejectReason === '' ? undefined : rejectReason,
  }
}
