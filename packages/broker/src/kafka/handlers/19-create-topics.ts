import type { CreateTopicsRequest, CreateTopicsResponse, Infer, InferInput } from '@polylog/wire'
import { apis } from '@polylog/wire'
import { BrokerError } from '../../errors/errors.ts'
import type { TopicSpec } from '../../topic/topics.ts'
import { configSource, shownValue } from '../config-numbers.ts'
import { findDuplicates } from '../duplicates.ts'
import { kafkaErrorCode } from '../error-codes.ts'
import { defineHandler } from '../handler.ts'
import { checkTopic, mayCluster, mayTopic } from '../permission.ts'
import type { RequestContext } from '../request-context.ts'
import { answerEach } from '../serve.ts'

type Request = Infer<typeof CreateTopicsRequest>
type Asked = Request['topics'][number]
type TopicAnswer = NonNullable<InferInput<typeof CreateTopicsResponse>['topics']>[number]

/** Makes topics, each on its own. The time limit of the request is not needed: they exist when the answer is sent. */
export const createTopics = defineHandler({
  api: apis[19],

  async handle(request: Request, context) {
    const duplicates = findDuplicates(request.topics.map(({ name }) => name))
    const once = request.topics.filter(({ name }) => !duplicates.has(name))
    const twice = [...duplicates].map((name) => request.topics.find((topic) => topic.name === name)!)
    const topics = await answerEach<Asked, TopicAnswer>(
      [...once, ...twice],
      context,
      async (asked) => {
        if (duplicates.has(asked.name)) throw new BrokerError('invalid-request', 'The request names the topic twice.')
        if (!mayCluster(context, 'create')) checkTopic(context, 'create', asked.name)
        return create(asked, request.validateOnly, context)
      },
      ({ name }, { errorCode, message }) => ({ name, errorCode, errorMessage: message, configs: null }),
    )
    return { topics }
  },
})

async function create(asked: Asked, validateOnly: boolean, context: RequestContext): Promise<TopicAnswer> {
  const { topics } = context.services
  const made = await topics.create(specOf(asked), validateOnly)
  const outcome = { name: made.name, topicId: made.id, errorCode: 0, errorMessage: null }
  // Whoever may not see settings makes a topic all the same, and is told nothing about it.
  if (!mayTopic(context, 'describe-configs', made.name)) {
    const topicConfigErrorCode = kafkaErrorCode('topic-not-authorized')
    return { ...outcome, topicConfigErrorCode, numPartitions: -1, replicationFactor: -1, configs: [] }
  }
  const configs = validateOnly ? [] : topics.describeConfigs(made.name)
  return {
    ...outcome,
    numPartitions: made.partitions.length,
    replicationFactor: made.partitions[0]?.replicas.length ?? -1,
    configs: configs.map((entry) => ({
      name: entry.name,
      value: shownValue(entry),
      readOnly: entry.readOnly,
      configSource: configSource(entry),
      isSensitive: entry.sensitive,
    })),
  }
}

function specOf({ name, numPartitions, replicationFactor, assignments, configs }: Asked): TopicSpec {
  if (findDuplicates(configs.map((config) => config.name)).size > 0) {
    throw new BrokerError('invalid-request', 'The request names a setting twice.')
  }
  const missing = configs.find(({ value }) => value === null)
  if (missing !== undefined) throw new BrokerError('invalid-config', `The setting ${missing.name} has no value.`)
  const spec = {
    name,
    partitionCount: numPartitions,
    replicationFactor,
    configs: new Map(configs.map((config) => [config.name, config.value])),
  }
  if (assignments.length === 0) return spec
  if (numPartitions !== -1 || replicationFactor !== -1) {
    throw new BrokerError('invalid-request', 'Give either an assignment or numbers of partitions and replicas.')
  }
  return {
    ...spec,
    assignments: assignments.map(({ partitionIndex, brokerIds }) => ({
      partition: partitionIndex,
      brokers: brokerIds,
    })),
  }
}
