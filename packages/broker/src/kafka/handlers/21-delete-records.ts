import { apis } from '@polylog/wire'
import { BrokerError } from '../../errors/errors.ts'
import { findPartition } from '../find-partition.ts'
import { defineHandler } from '../handler.ts'
import { checkTopic } from '../permission.ts'
import { answerEach } from '../serve.ts'

/** Moves the start of logs forward; the answer has the start that is now durable. */
export const deleteRecords = defineHandler({
  api: apis[21],

  async handle(request, context) {
    const topics = request.topics.map(async ({ name, partitions }) => ({
      name,
      partitions: await answerEach(
        partitions,
        context,
        async ({ partitionIndex, offset }) => {
          checkTopic(context, 'delete', name)
          const partition = findPartition(context.services.topics, name, partitionIndex)
          if (typeof partition === 'string') throw new BrokerError(partition)
          return { partitionIndex, lowWatermark: await partition.deleteRecordsBefore(offset), errorCode: 0 }
        },
        ({ partitionIndex }, { errorCode }) => ({ partitionIndex, lowWatermark: -1, errorCode }),
      ),
    }))
    return { topics: await Promise.all(topics) }
  },
})
