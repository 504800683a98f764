import type { Infer, InitializeShareGroupStateRequest } from '@polylog/wire'
import { apis } from '@polylog/wire'
import { defineHandler } from '../handler.ts'
import { answerStates, noFields, refuseStates } from '../queue-state-requests.ts'

type Request = Infer<typeof InitializeShareGroupStateRequest>

/** Begins the progress of groups anew, where this broker keeps it. For other brokers. */
export const initializeShareGroupState = defineHandler({
  api: apis[83],

  handle(request: Request, context) {
    return answerStates(request, context, noFields, async (id, { stateEpoch, startOffset }) => {
      await context.services.queueStates.initialize(id, stateEpoch, startOffset)
      return noFields
    })
  },

  refuse: (errorCode, message, request: Request) => refuseStates(request, errorCode, message, noFields),
})
