import { apis } from '@polylog/wire'
import { kafkaErrorCode } from '../error-codes.ts'
import { findEpochFault, findPartition } from '../find-partition.ts'
import { defineHandler } from '../handler.ts'

/** Where a leader epoch ended: a client that was away finds out whether records it has read were cut off (KIP-320). */
export const offsetForLeaderEpoch = defineHandler({
  api: apis[23],

  handle(request, context) {
    const { topics } = context.services
    return {
      topics: request.topics.map(({ topic, partitions }) => ({
        topic,
        partitions: partitions.map((asked) => {
          const partition = findPartition(topics, topic, asked.partition)
          const fault = typeof partition === 'string' ? partition : findEpochFault(partition, asked.currentLeaderEpoch)
          if (typeof partition === 'string' || fault !== undefined) {
            return { partition: asked.partition, errorCode: kafkaErrorCode(fault) }
          }
          return { partition: asked.partition, errorCode: 0, ...partition.endOfEpoch(asked.leaderEpoch) }
        }),
      })),
    }
  },
})
