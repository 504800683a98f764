import { WireError } from '@polylog/wire'
import { BrokerError } from '../errors/errors.ts'
import type { QueueId } from '../queue/queue-id.ts'
import { checkCluster } from './permission.ts'
import type { RequestContext } from './request-context.ts'
import { answerEach } from './serve.ts'

/** Share partitions as the requests between brokers name them. */
interface StateRequest<Partition extends { readonly partition: number }> {
  readonly groupId: string
  readonly topics: readonly { readonly topicId: string; readonly partitions: readonly Partition[] }[]
}

interface Outcome {
  readonly partition: number
  readonly errorCode: number
  readonly errorMessage: string | null
}

/** What a share partition is answered about which there is nothing else to say. */
export const noFields = {}

/**
 * Does what brokers ask of share partitions, each on its own; only brokers, and whoever may do what brokers do, are served.
 * @param work resolves with the fields of its result besides index and error
 */
export async function answerStates<Partition extends { readonly partition: number }, Fields extends object>(
  { groupId, topics }: StateRequest<Partition>,
  context: RequestContext,
  empty: Fields,
  work: (id: QueueId, partition: Partition) => Promise<Fields>,
): Promise<{ results: { topicId: string; partitions: (Outcome & Fields)[] }[] }> {
  checkCluster(context, 'cluster-action')
  const results = topics.map(async ({ topicId, partitions }) => ({
    topicId,
    partitions: await answerEach<Partition, Outcome & Fields>(
      partitions,
      context,
      async (asked) => {
        const fields = await inTerms(() => work({ groupId, topicId, index: asked.partition }, asked))
        return { partition: asked.partition, errorCode: 0, errorMessage: null as string | null, ...fields }
      },
      ({ partition }, { errorCode, message }) => ({ partition, errorCode, errorMessage: message, ...empty }),
    ),
  }))
  return { results: await Promise.all(results) }
}

/** The answer to a request that was refused as a whole. */
export function refuseStates<Partition extends { readonly partition: number }, Fields extends object>(
  { topics }: StateRequest<Partition>,
  errorCode: number,
  errorMessage: string,
  empty: Fields,
): { results: { topicId: string; partitions: (Outcome & Fields)[] }[] } {
  const results = topics.map(({ topicId, partitions }) => ({
    topicId,
    partitions: partitions.map(({ partition }) => ({ partition, errorCode, errorMessage, ...empty })),
  }))
  return { results }
}

async function inTerms<T>(work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    if (error instanceof WireError) throw new BrokerError('invalid-request', error.message)
    throw error
  }
}
