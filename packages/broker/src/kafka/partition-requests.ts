import { BrokerError } from '../errors/errors.ts'
import type { RequestContext } from './request-context.ts'
import type { Failure } from './serve.ts'
import { describeFailure } from './serve.ts'
import type { PartitionId, PartitionOutcome } from './services.ts'

/** One partition, as clients of the administrative APIs name it. */
export interface PartitionName {
  readonly topic: string
  readonly index: number
}

/** The answer for one partition: `failure` is undefined if it was done. */
export interface PartitionAnswer extends PartitionName {
  readonly failure: Failure | undefined
}

/**
 * Hands on those of the partitions that exist and that `check` finds nothing against. Answers for all, in their order.
 * @param work gives outcomes in the order of what it was handed
 */
export async function answerPartitions<Asked extends PartitionName>(
  asked: readonly Asked[],
  context: RequestContext,
  check: (partition: Asked) => BrokerError | undefined,
  work: (known: readonly (Asked & PartitionId)[]) => Promise<readonly PartitionOutcome[]>,
): Promise<PartitionAnswer[]> {
  const errors = new Map<Asked, BrokerError | undefined>()
  const known = asked.flatMap((each) => {
    const topic = context.services.topics.find(each.topic)
    const isKnown = topic?.partitions[each.index] !== undefined
    const error = isKnown ? check(each) : new BrokerError('unknown-topic')
    errors.set(each, error)
    return isKnown && error === undefined ? [{ asked: each, partition: { ...each, topicId: topic.id } }] : []
  })
  const outcomes = known.length === 0 ? [] : await work(known.map(({ partition }) => partition))
  for (const [at, { error }] of outcomes.entries()) errors.set(known[at]!.asked, error)
  return asked.map((each) => {
    const error = errors.get(each)
    return { topic: each.topic, index: each.index, failure: error && describeFailure(error, context) }
  })
}

/** Answers for partitions, put together topic by topic, in the order in which topics first appear. */
export function groupByTopic<Item extends PartitionName, Answer>(
  items: readonly Item[],
  describe: (item: Item) => Answer,
): [topic: string, answers: Answer[]][] {
  const groups = new Map<string, Answer[]>()
  for (const item of items) {
    const answers = groups.get(item.topic)
    if (answers === undefined) groups.set(item.topic, [describe(item)])
    else answers.push(describe(item))
  }
  return [...groups]
}
