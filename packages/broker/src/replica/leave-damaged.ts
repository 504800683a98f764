import { MetadataError } from '../cluster/metadata-error.ts'
import type { MetadataStore } from '../cluster/metadata-store.ts'
import { brokerKey, partitionKey } from '../image/keys.ts'
import { changeIsr, electLeader } from '../image/partition-change.ts'
import type { LiveBrokers } from '../image/partition-change.ts'
import { encodePartition } from '../image/partition-state.ts'
import type { PartitionState } from '../image/partition-state.ts'
import type { Logger } from '../telemetry/logger.ts'
import type { Replica } from './replica.ts'

export interface Leaving {
  readonly replica: Replica
  readonly state: PartitionState
  readonly brokerId: number
  readonly brokerEpoch: number
  readonly metadata: MetadataStore
  readonly brokers: LiveBrokers
  readonly logger: Logger
}

/**
 * Takes a replica with a damaged log out of the ISR, and the leadership from it, if somebody else has everything. Otherwise it
 * stays: what is intact in it is all there is.
 * @returns whether it is settled; false: try again later
 */
export async function leaveDamaged(leaving: Leaving): Promise<boolean> {
  const { replica, state, brokerId, brokerEpoch, metadata, logger } = leaving
  const next = withoutDamaged(leaving)
  const fields = { topic: replica.topicName, partition: replica.index, damage: replica.log.damage }
  if (next === undefined) {
    logger.error('a damaged replica has nobody to take over from it', fields)
    return true
  }
  logger.warn('a damaged replica leaves the in-sync replicas', fields)
  const key = partitionKey(replica.topicId, replica.index)
  const compare = [
    { key, target: 'modRevision', operator: '=', value: state.modRevision } as const,
    { key: brokerKey(brokerId), target: 'createRevision', operator: '=', value: brokerEpoch } as const,
  ]
  try {
    const { succeeded } = await metadata.transaction({
      compare,
      then: [{ kind: 'put', key, value: encodePartition(next) }],
    })
    return succeeded
  } catch (error) {
    if (!(error instanceof MetadataError)) throw error
    logger.warn('a damaged replica could not leave', { ...fields, error: error.message })
    return false
  }
}

function withoutDamaged({ replica, state, brokerId, brokers }: Leaving): PartitionState | undefined {
  const others = new Map([...brokers].filter(([id]) => id !== brokerId))
  const { minInsyncReplicas } = replica.settings
  const rest = state.inSyncReplicas.filter((id) => id !== brokerId)
  let next: PartitionState | undefined
  if (state.leader === brokerId) {
    next = electLeader(state, others, { mayBeUnclean: false, minInsyncReplicas, avoid: new Set() })
  } else if (rest.length > 0) {
    // In a new epoch, or what this broker fetched with the old log would bring it back before it has anything.
    const base = { ...state, leaderEpoch: state.leaderEpoch + 1 }
    next = changeIsr(base, rest, new Map(), minInsyncReplicas, brokers)
  }
  if (next?.leader === -1 || next?.inSyncReplicas.length === 0) return undefined
  // A log with a hole is not complete, whatever the size of the ISR.
  return next && { ...next, eligible: next.eligible.filter((id) => id !== brokerId) }
}
