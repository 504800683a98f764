import { apis } from '@polylog/wire'
import { kafkaErrorCode } from '../error-codes.ts'
import { defineHandler } from '../handler.ts'

/** Forgets what a group has committed for some partitions, unless a member subscribes to the topic. */
export const offsetDelete = defineHandler({
  api: apis[47],

  async handle({ groupId, topics }, context) {
    const deleted = await context.services.groups.deleteOffsets({
      groupId,
      topics: topics.map(({ name, partitions }) => ({
        topic: name,
        partitions: partitions.map(({ partitionIndex }) => partitionIndex),
      })),
    })
    if (deleted.error !== null) return { errorCode: kafkaErrorCode(deleted.error) }
    return {
      errorCode: 0,
      topics: deleted.topics.map(({ topic, partitions }) => ({
        name: topic,
        partitions: partitions.map(({ partition, error }) => ({
          partitionIndex: partition,
          errorCode: kafkaErrorCode(error),
        })),
      })),
    }
  },

  refuse: (errorCode) => ({ errorCode }),
})
