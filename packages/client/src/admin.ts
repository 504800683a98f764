import { apis } from '@polylog/wire'
import { expectSuccess } from './client-error.ts'
import type { Cluster } from './cluster.ts'
import { expectTopicName } from './topic-name.ts'

export interface NewTopic {
  name: string
  /** The broker's default if it is left out. */
  partitionCount?: number
  replicationFactor?: number
  configs?: ReadonlyMap<string, string>
}

export interface TopicConfig {
  name: string
  value: string | null
  source: 'topic' | 'broker' | 'default'
  documentation: string
}

const topicResource = 2
const topicSource = 1
const defaultSource = 5

/** Makes a topic. @throws ClientError 'refused' */
export async function createTopic(cluster: Cluster, topic: NewTopic, validateOnly = false): Promise<void> {
  const answer = await cluster.controller(apis[19], {
    topics: [
      {
        name: topic.name,
        numPartitions: topic.partitionCount ?? -1,
        replicationFactor: topic.replicationFactor ?? -1,
        assignments: [],
        configs: [...(topic.configs ?? [])].map(([name, value]) => ({ name, value })),
      },
    ],
    timeoutMs: cluster.requestTimeoutMs,
    validateOnly,
  })
  for (const { errorCode, errorMessage } of answer.topics) {
    expectSuccess(errorCode, `cannot create topic "${topic.name}"`, errorMessage)
  }
  cluster.forget(topic.name)
}

/** Removes a topic with all its records. @throws ClientError 'refused' */
export async function deleteTopic(cluster: Cluster, name: string): Promise<void> {
  expectTopicName(name)
  const request = { topicNames: [name], timeoutMs: cluster.requestTimeoutMs }
  const answer = await cluster.controller(apis[20], request)
  for (const { errorCode, errorMessage } of answer.responses) {
    expectSuccess(errorCode, `cannot delete topic "${name}"`, errorMessage)
  }
  cluster.forget(name)
}

/** Gives a topic more partitions, `totalCount` in all. @throws ClientError 'refused' */
export async function addPartitions(cluster: Cluster, name: string, totalCount: number): Promise<void> {
  expectTopicName(name)
  const answer = await cluster.controller(apis[37], {
    topics: [{ name, count: totalCount, assignments: null }],
    timeoutMs: cluster.requestTimeoutMs,
    validateOnly: false,
  })
  for (const { errorCode, errorMessage } of answer.results) {
    expectSuccess(errorCode, `cannot add partitions to topic "${name}"`, errorMessage)
  }
  cluster.forget(name)
}

/** The settings of a topic, those of the broker included. @throws ClientError 'refused' */
export async function topicConfigs(cluster: Cluster, name: string): Promise<TopicConfig[]> {
  const answer = await cluster.any(apis[32], {
    resources: [{ resourceType: topicResource, resourceName: name, configurationKeys: null }],
    includeSynonyms: false,
    includeDocumentation: true,
  })
  const configs: TopicConfig[] = []
  for (const result of answer.results) {
    expectSuccess(result.errorCode, `cannot read the settings of topic "${name}"`, result.errorMessage)
    for (const config of result.configs) {
      const source =
        config.configSource === topicSource ? 'topic' : config.configSource === defaultSource ? 'default' : 'broker'
      configs.push({ name: config.name, value: config.value, source, documentation: config.documentation ?? '' })
    }
  }
  return configs
}

/** Sets settings of a topic; null takes the topic's own value away. @throws ClientError 'refused' */
export async function alterTopicConfigs(
  cluster: Cluster,
  name: string,
  changes: ReadonlyMap<string, string | null>,
): Promise<void> {
  expectTopicName(name)
  const configs = [...changes].map(([key, value]) => ({ name: key, configOperation: value === null ? 1 : 0, value }))
  const answer = await cluster.controller(apis[44], {
    resources: [{ resourceType: topicResource, resourceName: name, configs }],
    validateOnly: false,
  })
  for (const { errorCode, errorMessage } of answer.responses) {
    expectSuccess(errorCode, `cannot change topic "${name}"`, errorMessage)
  }
}
