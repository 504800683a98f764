import type { Infer, OffsetDeleteRequest } from '@polylog/wire'
import { apis } from '@polylog/wire'
import { kafkaErrorCode } from '../error-codes.ts'
import { defineHandler } from '../handler.ts'
import { checkGroup, mayTopic } from '../permission.ts'

/** Forgets what a group has committed for some partitions, unless a member subscribes to the topic. */
export const offsetDelete = defineHandler({
  api: apis[47],

  async handle({ groupId, topics }, context) {
    checkGroup(context, 'delete', groupId)
    const allowed = topics.filter(({ name }) => mayTopic(context, 'read', name))
    const deleted = await context.services.groups.deleteOffsets({
      groupId,
      topics: allowed.map(({ name, partitions }) => ({
        topic: name,
        partitions: partitions.map(({ partitionIndex }) => partitionIndex),
      })),
    })
    if (deleted.error !== null) return { errorCode: kafkaErrorCode(deleted.error) }
    const answers = deleted.topics.map(({ topic, partitions }) => ({
      name: topic,
      partitions: partitions.map(({ partition, error }) => ({
        partitionIndex: partition,
        errorCode: kafkaErrorCode(error),
      })),
    }))
    const refused = topics.filter((topic) => !allowed.includes(topic))
    return { errorCode: 0, topics: [...answers, ...refused.map(refuseTopic)] }
  },

  refuse: (errorCode) => ({ errorCode }),
})

function refuseTopic({ name, partitions }: Infer<typeof OffsetDeleteRequest>['topics'][number]) {
  const errorCode = kafkaErrorCode('topic-not-authorized')
  return { name, partitions: partitions.map(({ partitionIndex }) => ({ partitionIndex, errorCode })) }
}
