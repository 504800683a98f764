import type { Infer, ReadShareGroupStateSummaryRequest } from '@polylog/wire'
import { apis } from '@polylog/wire'
import { BrokerError } from '../../errors/errors.ts'
import { defineHandler } from '../handler.ts'
import { answerStates, refuseStates } from '../queue-state-requests.ts'

type Request = Infer<typeof ReadShareGroupStateSummaryRequest>

const nothing = { stateEpoch: 0, leaderEpoch: -1, startOffset: -1, deliveryCompleteCount: -1 }

/** How far groups are, where this broker keeps it, for those who do not lead the partitions. */
export const readShareGroupStateSummary = defineHandler({
  api: apis[87],

  handle(request: Request, context) {
    return answerStates(request, context, nothing, async (id) => {
      const summary = await context.services.queueStates.summary(id)
      if (summary === undefined) throw new BrokerError('group-not-found', 'nothing is stored of this share partition')
      const { stateEpoch, leaderEpoch, startOffset, settledCount } = summary
      return { stateEpoch, leaderEpoch, startOffset, deliveryCompleteCount: settledCount }
    })
  },

  refuse: (errorCode, message, request: Request) => refuseStates(request, errorCode, message, nothing),
})
