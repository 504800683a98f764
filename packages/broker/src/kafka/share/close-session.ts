import type { RequestContext } from '../request-context.ts'
import { acknowledgeAll } from './acknowledge.ts'
import type { PartitionAcknowledgements } from './acknowledgement-batches.ts'
import type { AcknowledgeResult } from './share-answer.ts'
import type { ShareSession } from './share-sessions.ts'

/** Ends a session as its member wishes: takes the last acknowledgements, then gives the rest to others. */
export async function closeSession(
  context: RequestContext,
  session: ShareSession,
  acknowledgements: readonly PartitionAcknowledgements[],
): Promise<AcknowledgeResult[]> {
  const { groupId, memberId } = session
  const { shareSessions, queues } = context.services
  shareSessions.remove(session)
  const results = await acknowledgeAll(context, groupId, memberId, acknowledgements)
  await queues.releaseMember(groupId, memberId, { isAttempt: false })
  return results
}
