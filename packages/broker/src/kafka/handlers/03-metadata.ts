import type { Infer, InferInput, MetadataRequest, MetadataResponse } from '@polylog/wire'
import { apis, uuidZero } from '@polylog/wire'
import { BrokerError } from '../../errors/errors.ts'
import type { ErrorCode } from '../../errors/errors.ts'
import type { Topic } from '../../topic/topics.ts'
import { clusterOperations, operationsNotAsked, topicOperations } from '../authorized-operations.ts'
import { findController, listNodes } from '../broker-node.ts'
import { kafkaErrorCode } from '../error-codes.ts'
import { defineHandler } from '../handler.ts'
import { describePartition } from '../partition-answer.ts'
import { mayCluster, mayTopic } from '../permission.ts'
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
    const wantsOperations = request.includeTopicAuthorizedOperations
    if (asked === null) {
      const shown = context.services.topics.list().filter(({ name }) => mayTopic(context, 'describe', name))
      return answer(
        request,
        context,
        shown.map((topic) => describeTopic(topic, wantsOperations, context)),
      )
    }
    const mayCreate = request.allowAutoTopicCreation && context.services.config.autoCreateTopics
    const answers = asked.map((topic) => answerTopic(topic, mayCreate, wantsOperations, context))
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
    brokers: listNodes(context),
    clusterId: config.clusterId,
    controllerId: findController(context),
    topics,
    clusterAuthorizedOperations: request.includeClusterAuthorizedOperations
      ? clusterOperations(context)
      : operationsNotAsked,
  }
}

function answerTopic(
  asked: Asked,
  mayCreate: boolean,
  wantsOperations: boolean,
  context: RequestContext,
): TopicAnswer | Promise<TopicAnswer> {
  const { topics } = context.services
  if (asked.name === null) {
    const topic = topics.findById(asked.topicId)
    const isShown = topic !== undefined && mayTopic(context, 'describe', topic.name)
    if (isShown) return describeTopic(topic, wantsOperations, context)
    const name = context.apiVersion < nullNameSince ? '' : null
    // Whoever knows an id may learn that there is such a topic, but not its name (as in Kafka).
    const code = topic === undefined ? 'unknown-topic-id' : 'topic-not-authorized'
    return { errorCode: kafkaErrorCode(code), name, topicId: asked.topicId }
  }
  const { name } = asked
  // First of all: whether there is a topic is told only to those who may describe it.
  if (!mayTopic(context, 'describe', name)) return refuse(name, 'topic-not-authorized')
  const topic = topics.find(name)
  if (topic !== undefined) return describeTopic(topic, wantsOperations, context)
  if (!mayCreate) return refuse(name, 'unknown-topic')
  if (!mayCluster(context, 'create') && !mayTopic(context, 'create', name)) return refuse(name, 'topic-not-authorized')
  return topics.ensure(name).then(
    (made) => describeTopic(made, wantsOperations, context),
    (error: unknown) => ({ errorCode: creationErrorCode(error, context), name, topicId: uuidZero }),
  )
}

function refuse(name: string, code: ErrorCode): TopicAnswer {
  return { errorCode: kafkaErrorCode(code), name, topicId: uuidZero }
}

/** Clients give up on codes that Metadata never has; a failed creation looks like a topic that is not there yet. */
function creationErrorCode(error: unknown, context: RequestContext): number {
  const { errorCode, message } = describeFailure(error, context)
  if (error instanceof BrokerError && error.code === 'invalid-topic-name') return errorCode
  context.services.logger.warn('topic cannot be made on first use', { detail: message })
  return kafkaErrorCode('unknown-topic')
}

function describeTopic(topic: Topic, wantsOperations: boolean, context: RequestContext): TopicAnswer {
  return {
    name: topic.name,
    topicId: topic.id,
    isInternal: topic.internal,
    partitions: topic.partitions.map((state) => describePartition(state, context)),
    topicAuthorizedOperations: wantsOperations ? topicOperations(context, topic.name) : operationsNotAsked,
  }
}
