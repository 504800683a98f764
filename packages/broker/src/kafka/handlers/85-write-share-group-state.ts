import type { Infer, WriteShareGroupStateRequest } from '@polylog/wire'
import { apis } from '@polylog/wire'
import { rangesOf } from '../../queue/state-records.ts'
import { defineHandler } from '../handler.ts'
import { answerStates, noFields, refuseStates } from '../queue-state-requests.ts'

type Request = Infer<typeof WriteShareGroupStateRequest>

/** Stores what has changed of the progress of groups, where this broker keeps it. For the leaders of the partitions. */
export const writeShareGroupState = defineHandler({
  api: apis[85],

  handle(request: Request, context) {
    return answerStates(request, context, noFields, async (id, partition) => {
      const { stateEpoch, leaderEpoch, startOffset, deliveryCompleteCount: settledCount, stateBatches } = partition
      const ranges = rangesOf(stateBatches)
      const change = { stateEpoch, leaderEpoch, startOffset, settledCount, ranges }
      await context.services.queueStates.write(id, change)
      return noFields
    })
  },

  refuse: (errorCode, message, request: Request) => refuseStates(request, errorCode, message, noFields),
})
