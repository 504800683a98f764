import type { Infer, ReadShareGroupStateRequest } from '@polylog/wire'
import { apis } from '@polylog/wire'
import { BrokerError } from '../../errors/errors.ts'
import { stateBatchOf } from '../../queue/state-records.ts'
import { defineHandler } from '../handler.ts'
import { answerStates, refuseStates } from '../queue-state-requests.ts'

type Request = Infer<typeof ReadShareGroupStateRequest>

const nothing = { stateEpoch: 0, startOffset: -1, stateBatches: [] as ReturnType<typeof stateBatchOf>[] }

/** The progress of groups that this broker keeps, for the leaders of the partitions it is about. */
export const readShareGroupState = defineHandler({
  api: apis[84],

  handle(request: Request, context) {
    return answerStates(request, context, nothing, async (id, { leaderEpoch }) => {
      const stored = await context.services.queueStates.read(id, leaderEpoch)
      if (stored === undefined) throw new BrokerError('group-not-found', 'nothing is stored of this share partition')
      const { stateEpoch, startOffset, ranges } = stored
      return { stateEpoch, startOffset, stateBatches: ranges.map(stateBatchOf) }
    })
  },

  refuse: (errorCode, message, request: Request) => refuseStates(request, errorCode, message, nothing),
})
