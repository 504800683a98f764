import type {
  AlterPartitionReassignmentsRequest,
  AlterPartitionReassignmentsResponse,
  Infer,
  InferInput,
} from '@polylog/wire'
import { apis } from '@polylog/wire'
import { BrokerError } from '../../errors/errors.ts'
import { defineHandler } from '../handler.ts'
import { answerPartitions, groupByTopic } from '../partition-requests.ts'
import type { PartitionAnswer, PartitionName } from '../partition-requests.ts'
import { checkCluster } from '../permission.ts'
import type { RequestContext } from '../request-context.ts'

type Request = Infer<typeof AlterPartitionReassignmentsRequest>
type Response = InferInput<typeof AlterPartitionReassignmentsResponse>

interface Asked extends PartitionName {
  readonly replicas: readonly number[] | null
}

/** Begins to move partitions to other brokers, or takes such moves back (KIP-455). */
export const alterPartitionReassignments = defineHandler({
  api: apis[45],

  async handle({ topics, allowReplicationFactorChange }: Request, context): Promise<Response> {
    checkCluster(context, 'alter')
    const asked: Asked[] = topics.flatMap(({ name, partitions }) =>
      partitions.map(({ partitionIndex, replicas }) => ({ topic: name, index: partitionIndex, replicas })),
    )
    if (new Set(asked.map(({ topic, index }) => `${index}:${topic}`)).size < asked.length) {
      throw new BrokerError('invalid-request', 'The request names a partition twice.')
    }
    const answers = await answerPartitions(
      asked,
      context,
      (each) => (allowReplicationFactorChange ? undefined : findFactorFault(each, context)),
      (known) => context.services.clusterAdmin.alterReassignments(known),
    )
    const responses = groupByTopic(answers, describeAnswer).map(([name, partitions]) => ({ name, partitions }))
    return { throttleTimeMs: 0, allowReplicationFactorChange, errorCode: 0, errorMessage: null, responses }
  },

  refuse: (errorCode, errorMessage) => ({ throttleTimeMs: 0, errorCode, errorMessage, responses: [] }),
})

/** Whether the move would change the number of replicas that there are, or will be after the move under way (KIP-860). */
function findFactorFault({ topic, index, replicas }: Asked, { services }: RequestContext): BrokerError | undefined {
  const state = services.topics.find(topic)!.partitions[index]!
  const present = state.replicas.length - state.removing.length
  if (replicas === null || replicas.length === present) return undefined
  const detail = `The partition has ${present} replicas; the request does not allow another number.`
  return new BrokerError('invalid-replication-factor', detail)
}

function describeAnswer({ index, failure }: PartitionAnswer) {
  return { partitionIndex: index, errorCode: failure?.errorCode ?? 0, errorMessage: failure?.message ?? null }
}
