import type { DeleteTopicsRequest, DeleteTopicsResponse, Infer, InferInput } from '@polylog/wire'
import { apis, errorCodes, uuidZero } from '@polylog/wire'
import { BrokerError } from '../../errors/errors.ts'
import { findDuplicates } from '../duplicates.ts'
import { defineHandler } from '../handler.ts'
import { checkTopic } from '../permission.ts'
import type { RequestContext } from '../request-context.ts'
import { answerEach } from '../serve.ts'

type Request = Infer<typeof DeleteTopicsRequest>
type Asked = Request['topics'][number]
type TopicAnswer = NonNullable<InferInput<typeof DeleteTopicsResponse>['responses']>[number]

const statesSince = 6

/** Deletes topics by name or, from version 6 on, by id. */
export const deleteTopics = defineHandler({
  api: apis[20],

  async handle(request: Request, context) {
    const asked = askedTopics(request, context.apiVersion)
    if (!context.services.config.deleteTopics) {
      return { responses: asked.map((topic) => ({ ...topic, errorCode: errorCodes.TOPIC_DELETION_DISABLED.code })) }
    }
    const duplicates = findDuplicates(asked.map((topic) => nameOf(topic, context) ?? topic.topicId))
    const responses = await answerEach<Asked, TopicAnswer>(
      asked,
      context,
      async (topic) => {
        const name = checkedName(topic, duplicates, context)
        const { id } = context.services.topics.find(name) ?? { id: topic.topicId }
        await context.services.topics.delete(name)
        return { name, topicId: id, errorCode: 0, errorMessage: null }
      },
      ({ name, topicId }, { errorCode, message }) => ({ name, topicId, errorCode, errorMessage: message }),
    )
    return { responses }
  },
})

function askedTopics(request: Request, version: number): Asked[] {
  if (version >= statesSince) return request.topics
  return request.topicNames.map((name) => ({ name, topicId: uuidZero }))
}

function nameOf({ name, topicId }: Asked, context: RequestContext): string | undefined {
  return name ?? context.services.topics.findById(topicId)?.name
}

function checkedName(topic: Asked, duplicates: ReadonlySet<string>, context: RequestContext): string {
  if (topic.name !== null && topic.topicId !== uuidZero) {
    throw new BrokerError('invalid-request', 'Give either the name of a topic or its id.')
  }
  const name = nameOf(topic, context)
  if (name === undefined) throw new BrokerError('unknown-topic-id')
  if (duplicates.has(name)) throw new BrokerError('invalid-request', 'The request names the topic twice.')
  // Who may not describe the topic is not told which name the id stands for.
  if (topic.name === null) checkTopic(context, 'describe', name)
  checkTopic(context, 'delete', name)
  return name
}
