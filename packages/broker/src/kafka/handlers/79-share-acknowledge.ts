import type { Infer, InferInput, ShareAcknowledgeRequest, ShareAcknowledgeResponse } from '@polylog/wire'
import { apis, errorCodes } from '@polylog/wire'
import { defineHandler } from '../handler.ts'
import { checkGroup } from '../permission.ts'
import { acknowledgeAll } from '../share/acknowledge.ts'
import { readAcknowledgements } from '../share/acknowledgement-batches.ts'
import { closeSession } from '../share/close-session.ts'
import { ShareAnswer } from '../share/share-answer.ts'
import { namesOf } from '../share/share-names.ts'
import { epochFinal, epochInitial } from '../share/share-sessions.ts'
import type { SessionFault } from '../share/share-sessions.ts'

type Request = Infer<typeof ShareAcknowledgeRequest>
type Response = InferInput<typeof ShareAcknowledgeResponse>

/** A member of a share group says what it has done with records, without fetching more (KIP-932). */
export const shareAcknowledge = defineHandler({
  api: apis[79],

  async handle(request: Request, context): Promise<Response> {
    const names = namesOf(request)
    if (names === undefined) return refusal('INVALID_REQUEST', 'The request names no group or no member.')
    const { groupId, memberId } = names
    const { shareSessionEpoch: epoch, isRenewAck } = request
    checkGroup(context, 'read', groupId)
    if (epoch === epochInitial) return refusal('INVALID_SHARE_SESSION_EPOCH')
    const { shareSessions, queues } = context.services
    const session = shareSessions.enter(context.client, groupId, memberId, epoch)
    if (typeof session === 'string') return refusal(session)
    const acknowledgements = readAcknowledgements(request.topics, isRenewAck)
    const results =
      epoch === epochFinal
        ? await closeSession(context, session, acknowledgements)
        : await acknowledgeAll(context, groupId, memberId, acknowledgements)
    const answer = new ShareAnswer(context)
    for (const result of results) answer.addAcknowledged(result)
    return answer.acknowledged(queues.config(groupId).lockDurationMs)
  },

  refuse: (errorCode, errorMessage) => ({ errorCode, errorMessage }),
})

function refusal(name: SessionFault, detail?: string): Response {
  const { code, message } = errorCodes[name]
  return { errorCode: code, errorMessage: detail ?? message }
}
