import type { DeleteShareGroupStateRequest, Infer } from '@polylog/wire'
import { apis } from '@polylog/wire'
import { defineHandler } from '../handler.ts'
import { answerStates, noFields, refuseStates } from '../queue-state-requests.ts'

type Request = Infer<typeof DeleteShareGroupStateRequest>

/** Forgets the progress of groups, where this broker keeps it. For other brokers. */
export const deleteShareGroupState = defineHandler({
  api: apis[86],

  handle(request: Request, context) {
    return answerStates(request, context, noFields, async (id) => {
      await context.services.queueStates.delete(id)
      return noFields
    })
  },

  refuse: (errorCode, message, request: Request) => refuseStates(request, errorCode, message, noFields),
})
