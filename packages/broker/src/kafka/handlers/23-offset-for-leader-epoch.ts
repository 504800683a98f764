import { apis } from '@polylog/wire'
import { kafkaErrorCode } from '../error-codes.ts'
import { findEpochFault, findPartition, isLost } from '../find-partition.ts'
import { defineHandler } from '../handler.ts'
import { mayCluster, mayTopic } from '../permission.ts'

/** Where a leader epoch ended: a client that was away finds out whether records it has read were cut off (KIP-320). */
export const offsetForLeaderEpoch = defineHandler({
  api: apis[23],

  handle(request, context) {
    const { topics } = context.services
    return {
      topics: request.topics.map(({ topic, partitions }) => {
        // The second is for brokers.
        const isAllowed = mayTopic(context, 'describe', topic) || mayCluster(context, 'cluster-action')
        const answers = partitions.map((asked) => {
          if (!isAllowed) return { partition: asked.partition, errorCode: kafkaErrorCode('topic-not-authorized') }
          const partition = findPartition(topics, topic, asked.partition)
          const fault = typeof partition === 'string' ? partition : findEpochFault(partition, asked.currentLeaderEpoch)
          if (typeof partition === 'string' || fault !== undefined) {
            return { partition: asked.partition, errorCode: kafkaErrorCode(fault) }
          }
          const end = partition.endOfEpoch(asked.leaderEpoch)
          // A log that lacks records ends before the epoch did.
          if (isLost(partition, end.endOffset)) {
            return { partition: asked.partition, errorCode: kafkaErrorCode('storage') }
          }
          return { partition: asked.partition, errorCode: 0, ...end }
        })
        return { topic, partitions: answers }
      }),
    }
  },
})
