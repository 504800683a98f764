import { apis } from '@polylog/wire'
import { kafkaErrorCode } from '../error-codes.ts'
import { defineHandler } from '../handler.ts'
import { checkGroup } from '../permission.ts'

/** From these versions on the client knows what it is told. */
const memberIdRequiredSince = 4
const skipAssignmentSince = 9
const nullProtocolSince = 7

/** Enters a group; answered when the rebalance that it starts has gathered all members. */
export const joinGroup = defineHandler({
  api: apis[11],

  async handle(request, context) {
    const { apiVersion } = context
    checkGroup(context, 'read', request.groupId)
    // The request's memory is used again when this call returns, and the group keeps the metadata.
    const protocols = request.protocols.map(({ name, metadata }) => ({ name, metadata: Buffer.from(metadata) }))
    const joined = await context.services.groups.join({
      groupId: request.groupId,
      memberId: request.memberId,
      instanceId: request.groupInstanceId,
      clientId: context.clientId ?? '',
      clientHost: context.client.remote.host,
      sessionTimeoutMs: request.sessionTimeoutMs,
      rebalanceTimeoutMs: request.rebalanceTimeoutMs,
      protocolType: request.protocolType,
      protocols,
      memberIdRequired: apiVersion >= memberIdRequiredSince,
      skipAssignmentSupported: apiVersion >= skipAssignmentSince,
      reason: request.reason,
    })
    // The rules may have changed while the others were waited for; without heartbeats the member is soon gone.
    checkGroup(context, 'read', request.groupId)
    return {
      errorCode: kafkaErrorCode(joined.error),
      generationId: joined.generation,
      protocolType: joined.protocolType,
      protocolName: joined.protocolName ?? (apiVersion >= nullProtocolSince ? null : ''),
      leader: joined.leader,
      skipAssignment: joined.skipAssignment,
      memberId: joined.memberId,
      members: joined.members.map(({ memberId, instanceId, metadata }) => ({
        memberId,
        groupInstanceId: instanceId,
        metadata,
      })),
    }
  },

  refuse: (errorCode) => ({ errorCode, generationId: -1, protocolName: '', leader: '', memberId: '' }),
})
