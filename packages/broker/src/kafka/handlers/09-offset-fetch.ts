import type { Infer, InferInput, OffsetFetchRequest, OffsetFetchResponse } from '@polylog/wire'
import { apis } from '@polylog/wire'
import type { ErrorCode } from '../../errors/errors.ts'
import type { FetchedOffset } from '../../group/messages.ts'
import { kafkaErrorCode } from '../error-codes.ts'
import { defineHandler } from '../handler.ts'
import { mayGroup, mayTopic } from '../permission.ts'
import type { RequestContext } from '../request-context.ts'

type Request = Infer<typeof OffsetFetchRequest>
type Response = InferInput<typeof OffsetFetchResponse>
type AskedGroup = Request['groups'][number]
type AskedTopic = NonNullable<AskedGroup['topics']>[number]
type GroupAnswer = NonNullable<Response['groups']>[number]
type TopicAnswer = NonNullable<GroupAnswer['topics']>[number]

/** From these versions on: an error of the request, several groups at once (KIP-709), topics by id. */
const groupErrorSince = 2
const groupsSince = 8
const topicIdsSince = 10

/** What a group has committed; -1 where it has not. */
export const offsetFetch = defineHandler({
  api: apis[9],

  handle(request: Request, context): Response {
    if (context.apiVersion >= groupsSince) {
      return { groups: request.groups.map((group) => answerGroup(group, request.requireStable, context)) }
    }
    const topics = request.topics?.map((topic) => ({ ...topic, topicId: '' })) ?? null
    const group = { groupId: request.groupId, memberId: null, memberEpoch: -1, topics }
    const answer = answerGroup(group, request.requireStable, context)
    const errorCode = answer.errorCode ?? 0
    if (errorCode === 0 || context.apiVersion >= groupErrorSince) return { topics: answer.topics, errorCode }
    return { topics: (topics ?? []).map((topic) => failedTopic(topic, errorCode)) }
  },

  refuse: (errorCode, _message, { groups }) => ({
    errorCode,
    groups: groups.map(({ groupId }) => ({ groupId, errorCode })),
  }),
})

function answerGroup({ groupId, topics }: AskedGroup, requireStable: boolean, context: RequestContext): GroupAnswer {
  if (!mayGroup(context, 'describe', groupId)) return { groupId, errorCode: kafkaErrorCode('group-not-authorized') }
  const named = topics?.map((topic) => ({ topic, ...findName(topic, context) })) ?? null
  const known = named?.filter(({ name }) => name !== undefined)
  const fetched = context.services.groups.fetchOffsets({
    groupId,
    topics: known?.map(({ topic, name }) => ({ topic: name!, partitions: topic.partitionIndexes })) ?? null,
    requireStable,
  })
  if (fetched.error !== null) return { groupId, errorCode: kafkaErrorCode(fetched.error) }
  if (named === null) {
    return { groupId, topics: fetched.topics.flatMap(({ topic, partitions }) => allOf(topic, partitions, context)) }
  }
  // The coordinator answers in the order of the request; topics that were refused here were never passed on.
  const answers = fetched.topics.values()
  return {
    groupId,
    topics: named.map(({ topic, refusal }) => {
      if (refusal !== undefined) return failedTopic(topic, kafkaErrorCode(refusal))
      const partitions = answers.next().value?.partitions ?? []
      return { name: topic.name, topicId: topic.topicId, partitions: partitions.map((each) => describe(each)) }
    }),
  }
}

/** The topic that is asked for, or why it is not answered. */
function findName({ name, topicId }: AskedTopic, context: RequestContext): { name?: string; refusal?: ErrorCode } {
  const found = context.apiVersion < topicIdsSince ? name : context.services.topics.findById(topicId)?.name
  if (found === undefined) return { refusal: 'unknown-topic-id' }
  return mayTopic(context, 'describe', found) ? { name: found } : { refusal: 'topic-not-authorized' }
}

/** One topic of a group that was asked for everything. A topic that is gone has no id by which it could be named. */
function allOf(name: string, partitions: readonly FetchedOffset[], context: RequestContext): TopicAnswer[] {
  if (!mayTopic(context, 'describe', name)) return []
  const topicId = context.services.topics.find(name)?.id
  if (topicId === undefined && context.apiVersion >= topicIdsSince) return []
  return [{ name, topicId, partitions: partitions.map((each) => describe(each)) }]
}

function describe({ partition, offset, leaderEpoch, metadata }: FetchedOffset, error: ErrorCode | null = null) {
  return {
    partitionIndex: partition,
    committedOffset: offset,
    committedLeaderEpoch: leaderEpoch,
    metadata,
    errorCode: kafkaErrorCode(error),
  }
}

function failedTopic({ name, topicId, partitionIndexes }: AskedTopic, errorCode: number) {
  const failed = { committedOffset: -1, committedLeaderEpoch: -1, metadata: '', errorCode }
  return { name, topicId, partitions: partitionIndexes.map((partitionIndex) => ({ partitionIndex, ...failed })) }
}
