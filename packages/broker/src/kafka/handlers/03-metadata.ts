import type { Infer, InferInput, MetadataRequest, MetadataResponse } from '@polylog/wire'
import { apis, uuidZero } from '@polylog/wire'
import { BrokerError } from '../../errors/errors.ts'
import type { Topic } from '../../topic/topics.ts'
import { clusterOperations, operationsNotAsked, topicOperations } from '../authorized-operations.ts'
import { ownNode } from '../broker-node.ts'
import { kafkaErrorCode } from '../error-codes.ts'
import { defineHandler } from '../handler.ts'
import type { RequestContext } from '../request-context.ts'
import { describeFailure } from '../serve.ts'

type Request = Infer<typeof MetadataRequest>
type Response = InferInput<typeof MetadataResponse>
type TopicAnswer = NonNullable<Response['topics']>[number]
type Asked = NonNullable<Request['topics']>[number]

/** Before this version a topic in an answer has a name, known or not. */
const nullNameSince = 12

/**
 * Brokers and topics. A topic that does not exist is made on the spot if settings and client allow it, and the answer
 * waits for it: the first message of a new topic shall not cost a round of retries.
 */
export const metadata = defineHandler({
  api: apis[3],

  handle(request: Request, context): Response | Promise<Response> {
    const asked = findAskedTopics(request, context.apiVersion)
    const operations = request.includeTopicAuthorizedOperations ? topicOperations : operationsNotAsked
    if (asked === null) {
      const all = context.services.topics.list().map((topic) => describeTopic(topic, operations))
      return answer(request, context, all)
    }
    const mayCreate = request.allowAutoTopicCreation && context.services.config.autoCreateTopics
    const answers = asked.map((topic) => answerTopic(topic, mayCreate, operations, context))
    if (!answers.some((each) => each instanceof Promise)) return answer(request, context, answers as TopicAnswer[])
    return Promise.all(answers.map(async (each) => each)).then((topics) => answer(request, context, topics))
  },
})

/** Null for all topics: since version 1 that is a null list, before it was the empty one. */
function findAskedTopics(request: Request, version: number): Request['topics'] {
  return version === 0 && request.topics?.length === 0 ? null : request.topics
}

function answer(request: Request, context: RequestContext, topics: readonly TopicAnswer[]): Response {
  const { config } = context.services
  return {
    brokers: [ownNode(context)],
    clusterId: config.clusterId,
    // Every broker takes administrative requests, so each names itself.
    controllerId: config.brokerId,
    topics,
    clusterAuthorizedOperations: request.includeClusterAuthorizedOperations ? clusterOperations : operationsNotAsked,
  }
}

function answerTopic(
  asked: Asked,
  mayCreate: boolean,
  operations: number,
  context: RequestContext,
): TopicAnswer | Promise<TopicAnswer> {
  const { topics } = context.services
  if (asked.name === null) {
    const topic = topics.findById(asked.topicId)
    if (topic !== undefined) return describeTopic(topic, operations)
    const name = context.apiVersion < nullNameSince ? '' : null
    return { errorCode: kafkaErrorCode('unknown-topic-id'), name, topicId: asked.topicId }
  }
  const { name } = asked
  const topic = topics.find(name)
  if (topic !== undefined) return describeTopic(topic, operations)
  if (!mayCreate) return { errorCode: kafkaErrorCode('unknown-topic'), name, topicId: uuidZero }
  return topics.ensure(name).then(
    (made) => describeTopic(made, operations),
    (error: unknown) => ({ errorCode: creationErrorCode(error, context), name, topicId: uuidZero }),
  )
}

/** Clients give up on codes that Metadata never has; a failed creation looks like a topic that is not there yet. */
function creationErrorCode(error: unknown, context: RequestContext): number {
  const { errorCode, message } = describeFailure(error, context)
  if (error instanceof BrokerError && error.code === 'invalid-topic-name') return errorCode
  context.services.logger.warn('topic cannot be made on first use', { detail: message })
  return kafkaErrorCode('unknown-topic')
}

function describeTopic(topic: Topic, operations: number): TopicAnswer {
  return {
    name: topic.name,
    topicId: topic.id,
    isInternal: topic.internal,
    partitions: topic.partitions.map((state) => ({
      errorCode: state.leader === -1 ? kafkaErrorCode('leader-not-available') : 0,
      partitionIndex: state.index,
      leaderId: state.leader,
      leaderEpoch: state.leaderEpoch,
      replicaNodes: state.replicas,
      isrNodes: state.inSyncReplicas,
    })),
    topicAuthorizedOperations: operations,
  }
}
