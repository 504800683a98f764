import { apis } from '@polylog/wire'
import { BrokerError } from '../../errors/errors.ts'
import { defineHandler } from '../handler.ts'
import { noTransactions } from '../no-transactions.ts'
import { checkIdempotentProducer, checkTransaction } from '../permission.ts'

/**
 * Gives an idempotent producer its id. Every call gives a new one with epoch 0, also to a producer that names its present
 * id: without a transactional id nothing ties the two together.
 */
export const initProducerId = defineHandler({
  api: apis[22],

  async handle({ transactionalId }, context) {
    if (transactionalId === '') throw new BrokerError('invalid-request', 'The transactional id is empty.')
    if (transactionalId !== null) {
      checkTransaction(context, 'write', transactionalId)
      throw new BrokerError(noTransactions.code, noTransactions.detail)
    }
    checkIdempotentProducer(context)
    return { errorCode: 0, producerId: await context.services.producerIds.next(), producerEpoch: 0 }
  },

  refuse: (errorCode) => ({ errorCode, producerId: -1, producerEpoch: -1 }),
})
