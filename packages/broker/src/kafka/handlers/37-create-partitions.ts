import { apis } from '@polylog/wire'
import { BrokerError } from '../../errors/errors.ts'
import { findDuplicates } from '../duplicates.ts'
import { defineHandler } from '../handler.ts'
import { checkTopic } from '../permission.ts'
import { answerEach } from '../serve.ts'

/** Adds partitions to topics; `count` is the number that there shall be in all. */
export const createPartitions = defineHandler({
  api: apis[37],

  async handle(request, context) {
    const duplicates = findDuplicates(request.topics.map(({ name }) => name))
    const results = await answerEach(
      request.topics,
      context,
      async ({ name, count, assignments }) => {
        if (duplicates.has(name)) throw new BrokerError('invalid-request', 'The request names the topic twice.')
        checkTopic(context, 'alter', name)
        const brokers = assignments?.map(({ brokerIds }) => brokerIds)
        await context.services.topics.addPartitions(name, count, brokers, request.validateOnly)
        return { name, errorCode: 0, errorMessage: null as string | null }
      },
      ({ name }, { errorCode, message }) => ({ name, errorCode, errorMessage: message }),
    )
    return { results }
  },
})
