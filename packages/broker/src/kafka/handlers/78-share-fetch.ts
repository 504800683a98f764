import type { Infer, InferInput, ShareFetchRequest, ShareFetchResponse } from '@polylog/wire'
import { apis, errorCodes } from '@polylog/wire'
import { defineHandler } from '../handler.ts'
import { checkGroup } from '../permission.ts'
import type { RequestContext } from '../request-context.ts'
import { acknowledgeAll } from '../share/acknowledge.ts'
import { readAcknowledgements } from '../share/acknowledgement-batches.ts'
import type { PartitionAcknowledgements } from '../share/acknowledgement-batches.ts'
import { closeSession } from '../share/close-session.ts'
import { PendingShareFetch } from '../share/pending-share-fetch.ts'
import type { ShareFetchTerms } from '../share/pending-share-fetch.ts'
import { ShareAnswer } from '../share/share-answer.ts'
import { namesOf } from '../share/share-names.ts'
import { epochFinal, epochInitial } from '../share/share-sessions.ts'
import type { SessionFault, ShareEntry, ShareSession } from '../share/share-sessions.ts'

type Request = Infer<typeof ShareFetchRequest>
type Response = InferInput<typeof ShareFetchResponse>

const recordLimitMode = 1

/**
 * Acquires records for a member of a share group, waiting up to `maxWaitMs` for some, and takes acknowledgements that
 * come along (KIP-932). Waiting for more than one record would lock the first ones for nothing: `minBytes` above 1 is
 * taken for 1.
 */
export const shareFetch = defineHandler({
  api: apis[78],

  handle(request: Request, context): Response | Promise<Response> | undefined {
    const names = namesOf(request)
    if (names === undefined) return refusal('INVALID_REQUEST', 'The request names no group or no member.')
    const { groupId, memberId } = names
    checkGroup(context, 'read', groupId)
    const fault = contradiction(request)
    if (fault !== undefined) return refusal('INVALID_REQUEST', fault)
    const acknowledgements = readAcknowledgements(request.topics, request.isRenewAck)
    const session = enter(request, groupId, memberId, acknowledgements.length > 0, context)
    if (typeof session === 'string') return refusal(session)
    if (request.shareSessionEpoch === epochFinal) return close(session, acknowledgements, context)
    const acknowledged = acknowledgeAll(context, groupId, memberId, acknowledgements)
    if (request.isRenewAck || request.maxRecords <= 0 || request.maxBytes <= 0) {
      return acknowledged.then((results) => acknowledgedOnly(results, groupId, context))
    }
    new PendingShareFetch(context, session, termsOf(request, context), acknowledged).start()
    return undefined
  },

  refuse: (errorCode, errorMessage) => ({ errorCode, errorMessage }),
})

function refusal(name: SessionFault, detail?: string): Response {
  const { code, message } = errorCodes[name]
  return { errorCode: code, errorMessage: detail ?? message }
}

/** What a request must not ask for in one. */
function contradiction(request: Request): string | undefined {
  const { isRenewAck, maxWaitMs, minBytes, maxBytes, maxRecords } = request
  if (isRenewAck && (maxWaitMs !== 0 || minBytes !== 0 || maxBytes !== 0 || maxRecords !== 0)) {
    return 'A request that renews must not fetch: its limits must be 0.'
  }
  return undefined
}

function enter(
  request: Request,
  groupId: string,
  memberId: string,
  hasAcknowledgements: boolean,
  { client, services }: RequestContext,
): ShareSession | SessionFault {
  const { shareSessions } = services
  const { shareSessionEpoch: epoch } = request
  const named = request.topics.flatMap(({ topicId, partitions }) =>
    partitions.map(({ partitionIndex: index }): ShareEntry => ({ topicId, index })),
  )
  if (epoch === epochInitial) {
    // Whoever begins holds nothing.
    if (hasAcknowledgements) return 'INVALID_REQUEST'
    return shareSessions.open(client, groupId, memberId, named)
  }
  const session = shareSessions.enter(client, groupId, memberId, epoch)
  if (typeof session === 'string' || epoch === epochFinal) return session
  const forgotten = request.forgottenTopicsData.flatMap(({ topicId, partitions }) =>
    partitions.map((index): ShareEntry => ({ topicId, index })),
  )
  return shareSessions.update(session, named, forgotten) ?? session
}

function termsOf(request: Request, { services, apiVersion }: RequestContext): ShareFetchTerms {
  const { maxRecords, maxBytes, maxWaitMs, minBytes, batchSize, shareAcquireMode } = request
  const isStrict = apiVersion > 1 && shareAcquireMode === recordLimitMode
  return {
    recordsMax: maxRecords,
    bytesMax: Math.min(maxBytes, services.config.fetchBytesMax),
    waitMsMax: maxWaitMs,
    isFull: request.shareSessionEpoch === epochInitial,
    mayWait: minBytes > 0,
    mode: isStrict ? 'record-limit' : 'batch-optimized',
    batchSize,
  }
}

/** The last request of a session: whatever the member still holds goes to others. */
async function close(
  session: ShareSession,
  acknowledgements: readonly PartitionAcknowledgements[],
  context: RequestContext,
): Promise<Response> {
  const results = await closeSession(context, session, acknowledgements)
  return acknowledgedOnly(results, session.groupId, context)
}

function acknowledgedOnly(
  results: Awaited<ReturnType<typeof acknowledgeAll>>,
  groupId: string,
  context: RequestContext,
): Response {
  const answer = new ShareAnswer(context)
  for (const result of results) answer.addAcknowledged(result)
  return answer.fetched(context.services.queues.config(groupId).lockDurationMs)
}
