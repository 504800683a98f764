import type { ElectLeadersRequest, ElectLeadersResponse, Infer, InferInput } from '@polylog/wire'
import { apis } from '@polylog/wire'
import { BrokerError } from '../../errors/errors.ts'
import { kafkaErrorCode } from '../error-codes.ts'
import { defineHandler } from '../handler.ts'
import { answerPartitions, groupByTopic } from '../partition-requests.ts'
import type { PartitionAnswer, PartitionName } from '../partition-requests.ts'
import { checkCluster } from '../permission.ts'
import type { RequestContext } from '../request-context.ts'

type Request = Infer<typeof ElectLeadersRequest>
type Response = InferInput<typeof ElectLeadersResponse>

const electionKinds = ['preferred', 'unclean'] as const
const errorCodeSince = 1
const electionNotNeeded = kafkaErrorCode('election-not-needed')

/** Hands partitions to their preferred leaders, or to any replica that lives, even at the cost of records. */
export const electLeaders = defineHandler({
  api: apis[43],

  async handle(request: Request, context): Promise<Response> {
    checkCluster(context, 'alter')
    const kind = electionKinds[request.electionType]
    if (kind === undefined) throw new BrokerError('invalid-request', 'The type of election is 0 or 1.')
    const answers = await answerPartitions(
      listAsked(request, context),
      context,
      () => undefined,
      (known) => context.services.clusterAdmin.electLeaders(kind, known),
    )
    const isNews = ({ failure }: PartitionAnswer): boolean => failure?.errorCode !== electionNotNeeded
    // Who asks for all partitions wants to know of those that needed it.
    const shown = request.topicPartitions === null ? answers.filter(isNews) : answers
    const results = groupByTopic(shown, describeAnswer)
    return {
      throttleTimeMs: 0,
      errorCode: 0,
      replicaElectionResults: results.map(([topic, partitionResult]) => ({ topic, partitionResult })),
    }
  },

  refuse: (errorCode, errorMessage, { topicPartitions }: Request, apiVersion) => ({
    throttleTimeMs: 0,
    // Before, the answer has no error of the whole: each partition then says it.
    ...(apiVersion >= errorCodeSince ? { errorCode } : {}),
    replicaElectionResults: (topicPartitions ?? []).map(({ topic, partitions }) => ({
      topic,
      partitionResult: partitions.map((partitionId) => ({ partitionId, errorCode, errorMessage })),
    })),
  }),
})

function listAsked({ topicPartitions }: Request, { services }: RequestContext): PartitionName[] {
  if (topicPartitions !== null) {
    return topicPartitions.flatMap(({ topic, partitions }) => partitions.map((index) => ({ topic, index })))
  }
  return services.topics
    .list()
    .flatMap(({ name, partitions }) => partitions.map(({ index }) => ({ topic: name, index })))
}

function describeAnswer({ index, failure }: PartitionAnswer) {
  return { partitionId: index, errorCode: failure?.errorCode ?? 0, errorMessage: failure?.message ?? null }
}
