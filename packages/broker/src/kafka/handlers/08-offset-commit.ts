import type { Infer, OffsetCommitRequest } from '@polylog/wire'
import { apis } from '@polylog/wire'
import type { ErrorCode } from '../../errors/errors.ts'
import { kafkaErrorCode } from '../error-codes.ts'
import { defineHandler } from '../handler.ts'
import type { RequestContext } from '../request-context.ts'

type Request = Infer<typeof OffsetCommitRequest>
type AskedTopic = Request['topics'][number]

const topicIdsSince = 10

/** Stores how far a group has come. */
export const offsetCommit = defineHandler({
  api: apis[8],

  async handle(request: Request, context) {
    const named = request.topics.map((topic) => ({ topic, name: nameOf(topic, context) }))
    const known = named.filter(({ name }) => name !== undefined)
    const committed = await context.services.groups.commitOffsets({
      groupId: request.groupId,
      memberId: request.memberId,
      instanceId: request.groupInstanceId,
      generation: request.generationIdOrMemberEpoch,
      topics: known.map(({ topic, name }) => ({ topic: name!, partitions: topic.partitions.map(offsetOf) })),
    })
    // The coordinator answers in the order of the request; topics whose id nobody knows were never passed on.
    const answers = committed.topics.values()
    const topics = named.map(({ topic, name }) => {
      const answer = name === undefined ? undefined : answers.next().value
      const errors = answer?.partitions.map(({ error }) => error)
      return describeTopic(topic, errors)
    })
    return { topics }
  },

  refuse: (errorCode, _message, { topics }) => ({
    topics: topics.map(({ name, topicId, partitions }) => ({
      name,
      topicId,
      partitions: partitions.map(({ partitionIndex }) => ({ partitionIndex, errorCode })),
    })),
  }),
})

function nameOf({ name, topicId }: AskedTopic, context: RequestContext): string | undefined {
  return context.apiVersion < topicIdsSince ? name : context.services.topics.findById(topicId)?.name
}

function offsetOf(asked: AskedTopic['partitions'][number]) {
  return {
    partition: asked.partitionIndex,
    offset: asked.committedOffset,
    leaderEpoch: asked.committedLeaderEpoch,
    metadata: asked.committedMetadata,
  }
}

/** `errors` is undefined for a topic that could not be found by its id. */
function describeTopic({ name, topicId, partitions }: AskedTopic, errors: (ErrorCode | null)[] | undefined) {
  return {
    name,
    topicId,
    partitions: partitions.map(({ partitionIndex }, at) => ({
      partitionIndex,
      errorCode: kafkaErrorCode(errors === undefined ? 'unknown-topic-id' : errors[at]),
    })),
  }
}
