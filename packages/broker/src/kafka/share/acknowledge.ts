import type { ErrorCode } from '../../errors/errors.ts'
import type { RequestContext } from '../request-context.ts'
import { describeFailure } from '../serve.ts'
import { BrokerError } from '../../errors/errors.ts'
import type { PartitionAcknowledgements } from './acknowledgement-batches.ts'
import type { AcknowledgeResult } from './share-answer.ts'
import { entryFault } from './share-partition.ts'

/** Acknowledges partition by partition; resolves once all of it is durable or refused. */
export function acknowledgeAll(
  context: RequestContext,
  groupId: string,
  memberId: string,
  partitions: readonly PartitionAcknowledgements[],
): Promise<AcknowledgeResult[]> {
  return Promise.all(partitions.map((partition) => acknowledge(context, groupId, memberId, partition)))
}

async function acknowledge(
  context: RequestContext,
  groupId: string,
  memberId: string,
  { topicId, index, acknowledgements, fault }: PartitionAcknowledgements,
): Promise<AcknowledgeResult> {
  const outcome = (error: ErrorCode | undefined, detail?: string) => ({ topicId, index, error: nameOf(error), detail })
  if (fault !== undefined) return outcome('invalid-request', fault)
  const absent = entryFault({ topicId, index }, context)
  if (absent !== undefined) return outcome(absent)
  try {
    return outcome(await context.services.queues.acknowledge({ groupId, topicId, index }, memberId, acknowledgements))
  } catch (error) {
    if (error instanceof BrokerError) return outcome(error.code, error.message)
    const { message } = describeFailure(error, context)
    return outcome('storage', message)
  }
}

/** Whoever was fenced leads no more; clients know only that word. */
function nameOf(error: ErrorCode | undefined): ErrorCode | undefined {
  return error === 'fenced-state-epoch' || error === 'leader-not-available' ? 'not-leader' : error
}
