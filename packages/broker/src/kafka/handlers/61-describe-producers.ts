import { apis } from '@polylog/wire'
import { errorTable } from '../../errors/errors.ts'
import { kafkaErrorCode } from '../error-codes.ts'
import { findPartition } from '../find-partition.ts'
import { defineHandler } from '../handler.ts'

/** The idempotent producers that partitions know. */
export const describeProducers = defineHandler({
  api: apis[61],

  handle(request, context) {
    const { topics } = context.services
    return {
      topics: request.topics.map(({ name, partitionIndexes }) => ({
        name,
        partitions: partitionIndexes.map((partitionIndex) => {
          const partition = findPartition(topics, name, partitionIndex)
          if (typeof partition === 'string') {
            const errorMessage = errorTable[partition].message
            return { partitionIndex, errorCode: kafkaErrorCode(partition), errorMessage }
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
