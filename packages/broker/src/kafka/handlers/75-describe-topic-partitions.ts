import type { DescribeTopicPartitionsRequest, DescribeTopicPartitionsResponse, Infer, InferInput } from '@polylog/wire'
import { apis, uuidZero } from '@polylog/wire'
import type { Topic } from '../../topic/topics.ts'
import { topicOperations } from '../authorized-operations.ts'
import { kafkaErrorCode } from '../error-codes.ts'
import { defineHandler } from '../handler.ts'
import { kafkaLimits } from '../kafka-config.ts'
import { describePartition } from '../partition-answer.ts'
import { mayTopic } from '../permission.ts'
import type { RequestContext } from '../request-context.ts'

type Request = Infer<typeof DescribeTopicPartitionsRequest>
type Response = InferInput<typeof DescribeTopicPartitionsResponse>
type TopicAnswer = NonNullable<Response['topics']>[number]

/** Topics with their partitions, page by page: the answer says where the next page starts (KIP-966). */
export const describeTopicPartitions = defineHandler({
  api: apis[75],

  handle(request: Request, context): Response {
    const { topics } = context.services
    const { cursor } = request
    let room = Math.min(Math.max(1, request.responsePartitionLimit), kafkaLimits.describedPartitionCountMax)
    const answers: TopicAnswer[] = []
    const isListing = request.topics.length === 0
    for (const name of pageNames(request, () => topics.list())) {
      const isShown = mayTopic(context, 'describe', name)
      if (isListing && !isShown) continue
      if (room === 0) return { topics: answers, nextCursor: { topicName: name, partitionIndex: 0 } }
      if (!isShown) {
        answers.push({ name, topicId: uuidZero, errorCode: kafkaErrorCode('topic-not-authorized') })
        continue
      }
      const topic = topics.find(name)
      if (topic === undefined) {
        answers.push({ name, topicId: uuidZero, errorCode: kafkaErrorCode('unknown-topic') })
        continue
      }
      const start = cursor !== null && cursor.topicName === name ? Math.max(0, cursor.partitionIndex) : 0
      const end = Math.min(topic.partitions.length, start + room)
      answers.push(describeTopic(topic, start, end, context))
      room -= Math.max(0, end - start)
      if (end < topic.partitions.length) {
        return { topics: answers, nextCursor: { topicName: name, partitionIndex: end } }
      }
    }
    return { topics: answers, nextCursor: null }
  },
})

/** Names in the order of the pages, from the cursor on; no names given stands for all topics. */
function pageNames({ topics, cursor }: Request, list: () => readonly Topic[]): string[] {
  const names = topics.length === 0 ? list().map(({ name }) => name) : topics.map(({ name }) => name)
  const sorted = [...new Set(names)].toSorted()
  return cursor === null ? sorted : sorted.filter((name) => name >= cursor.topicName)
}

function describeTopic(topic: Topic, start: number, end: number, context: RequestContext): TopicAnswer {
  return {
    name: topic.name,
    topicId: topic.id,
    isInternal: topic.internal,
    partitions: topic.partitions.slice(start, end).map((state) => ({
      ...describePartition(state, context),
      eligibleLeaderReplicas: state.eligible,
      lastKnownElr: state.lastKnownLeader === -1 ? [] : [state.lastKnownLeader],
    })),
    topicAuthorizedOperations: topicOperations(context, topic.name),
  }
}
