import type { Infer, OffsetCommitRequest } from '@polylog/wire'
import { apis } from '@polylog/wire'
import type { ErrorCode } from '../../errors/errors.ts'
import { kafkaErrorCode } from '../error-codes.ts'
import { defineHandler } from '../handler.ts'
import { checkGroup, mayTopic } from '../permission.ts'
import type { RequestContext } from '../request-context.ts'

type Request = Infer<typeof OffsetCommitRequest>
type AskedTopic = Request['topics'][number]

const topicIdsSince = 10

/** Stores how far a group has come. */
export const offsetCommit = defineHandler({
  api: apis[8],

  async handle(request: Request, context) {
    checkGroup(context, 'read', request.groupId)
    const named = request.topics.map((topic) => ({ topic, ...findName(topic, context) }))
    const known = named.filter(({ name }) => name !== undefined)
    const committed = await context.services.groups.commitOffsets({
      groupId: request.groupId,
      memberId: request.memberId,
      instanceId: request.groupInstanceId,
      generation: request.generationIdOrMemberEpoch,
      topics: known.map(({ topic, name }) => ({ topic: name!, partitions: topic.partitions.map(offsetOf) })),
    })
    // The coordinator answers in the order of the request; topics that were refused here were never passed on.
    const answers = committed.topics.values()
    const topics = named.map(({ topic, refusal }) => {
      const answer = refusal === undefined ? answers.next().value : undefined
      return describeTopic(topic, (at) => refusal ?? answer?.partitions[at]?.error ?? null)
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

/** The topic to commit for, or why there is none. */
function findName({ name, topicId }: AskedTopic, context: RequestContext): { name?: string; refusal?: ErrorCode } {
  const found = context.apiVersion < topicIdsSince ? name : context.services.topics.findById(topicId)?.name
  if (found === undefined) return { refusal: 'unknown-topic-id' }
  return mayTopic(context, 'read', found) ? { name: found } : { refusal: 'topic-not-authorized' }
}

function offsetOf(asked: AskedTopic['partitions'][number]) {
  return {
    partition: asked.partitionIndex,
    offset: asked.committedOffset,
    leaderEpoch: asked.committedLeaderEpoch,
    metadata: asked.committedMetadata,
  }
}

function describeTopic({ name, topicId, partitions }: AskedTopic, errorAt: (at: number) => ErrorCode | null) {
  return {
    name,
    topicId,
    partitions: partitions.map(({ partitionIndex }, at) => ({
      partitionIndex,
      errorCode: kafkaErrorCode(errorAt(at)),
    })),
  }
}
