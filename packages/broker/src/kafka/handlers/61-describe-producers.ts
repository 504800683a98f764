import { apis } from '@polylog/wire'
import { errorTable } from '../../errors/errors.ts'
import { kafkaErrorCode } from '../error-codes.ts'
import { findPartition } from '../find-partition.ts'
import { defineHandler } from '../handler.ts'
import { mayTopic } from '../permission.ts'

/** The idempotent producers that partitions know. */
export const describeProducers = defineHandler({
  api: apis[61],

  handle(request, context) {
    const { topics } = context.services
    return {
      topics: request.topics.map(({ name, partitionIndexes }) => ({
        name,
        partitions: partitionIndexes.map((partitionIndex) => {
          const partition = mayTopic(context, 'read', name)
            ? findPartition(topics, name, partitionIndex)
            : 'topic-not-authorized'
          if (typeof partition === 'string') {
            const errorMessage = errorTable[partition].message
            return { partitionIndex, errorCode: kafkaErrorCode(partition), errorMessage }
          }
          const { missingRecords } = partition
          // The last sequences that are left are not the last that there were.
          if (missingRecords !== undefined) {
            return { partitionIndex, errorCode: kafkaErrorCode('storage'), errorMessage: missingRecords }
          }
          const activeProducers = partition.activeProducers().map((producer) => ({
            producerId: producer.producerId,
            producerEpoch: producer.producerEpoch,
            lastSequence: producer.lastSequence,
            lastTimestamp: producer.lastTimestampMs,
            coordinatorEpoch: -1,
            currentTxnStartOffset: producer.transactionStartOffset,
          }))
          return { partitionIndex, errorCode: 0, activeProducers }
        }),
      })),
    }
  },
})
