import { apis } from '@polylog/wire'
import { ClientError, refusal } from '../client-error.ts'
import type { Cluster } from '../cluster.ts'

const groupIdNotFound = 69
const inconsistentGroupProtocol = 23

/** Why a group does not take in a member of a consumer group that has "nothing in common" with it. */
export async function protocolRefusal(cluster: Cluster, coordinator: number, group: string, assignor: string) {
  const kind = await kindOf(cluster, coordinator, group)
  let why = `its other members do not know the assignor "${assignor}"`
  if (kind === 'share') why = 'it is a share group, of which work queues are made; give the consumer group another name'
  else if (kind !== 'consumer' && kind !== '') why = `it is a group of another kind ("${kind}"); choose another name`
  return refusal(inconsistentGroupProtocol, `cannot join group "${group}"`, why)
}

/** Why a share group does not take in a member, or, unless it joins, has it no longer. */
export function shareRefusal(code: number, group: string, detail: string | null, isJoining: boolean): ClientError {
  const what = `cannot be a member of share group "${group}"`
  if (code !== groupIdNotFound || !isJoining) return refusal(code, what, detail)
  return refusal(code, what, 'there is a consumer group of this name; give the work queue a group of another name')
}

/** Its protocol type; empty if it cannot be learned, as without the right to describe the group. */
async function kindOf(cluster: Cluster, coordinator: number, group: string): Promise<string> {
  try {
    const { groups } = await cluster.broker(coordinator, apis[16], {})
    return groups.find(({ groupId }) => groupId === group)?.protocolType ?? ''
  } catch (error) {
    if (error instanceof ClientError) return ''
    throw error
  }
}
