import type { ClusterImage } from '../../../packages/broker/src/image/cluster-image.ts'
import type { PartitionState } from '../../../packages/broker/src/image/partition-state.ts'
import { hasLeader } from '../../../packages/broker/src/image/partition-change.ts'
import { BrokerError } from '../../../packages/broker/src/errors/errors.ts'
import { LogDamageError } from '../../../packages/broker/src/log/log-damage.ts'
import type { Finding } from '../checkers/history.ts'
import type { BrokerMachine } from '../world/broker-machine.ts'
import type { MetadataMachine } from '../world/metadata-machine.ts'
import { describeBatches } from './batch-index.ts'
import { replicaOf } from './cluster-probe.ts'

export interface Cluster {
  brokers: readonly BrokerMachine[]
  metadata: MetadataMachine
  /** Logs whose files were damaged on purpose, and where nobody else may have had what they lack: they may refuse. */
  isRotten: (topicId: string, index: number) => boolean
}

/**
 * What a cluster without faults has not come to yet; empty once all images are what the store says, every partition has a
 * leader and all its replicas in sync with the same end and high watermark, and nothing is on its way.
 */
export function unconverged({ brokers, metadata, isRotten }: Cluster): string[] {
  const { image } = metadata
  if (image === undefined) return ['the metadata store is away']
  const open: string[] = []
  for (const machine of brokers) {
    if (machine.broker === undefined) open.push(`${machine.name} is not up`)
    else if (summaryOf(machine.broker.image) !== summaryOf(image)) open.push(`the image of ${machine.name} is another`)
  }
  if (open.length > 0) return open
  for (const { id, name, partitions } of image.topicsById.values()) {
    for (const state of partitions) {
      if (isRotten(id, state.index)) continue
      const what = openOf(brokers, image, id, state)
      if (what !== undefined) open.push(`${name}-${state.index}: ${what}`)
    }
  }
  return open
}

function openOf(
  brokers: readonly BrokerMachine[],
  image: ClusterImage,
  topicId: string,
  state: PartitionState,
): string | undefined {
  const { replicas, inSyncReplicas, adding, removing, leader } = state
  if (!hasLeader(state, image.brokers)) return `no leader, ${leader} is named`
  if (adding.length + removing.length > 0) return `adds ${adding.join()}, removes ${removing.join()}`
  if (!replicas.every((id) => inSyncReplicas.includes(id))) {
    return `in sync are ${inSyncReplicas.join()} of ${replicas.join()}`
  }
  const ends = new Set<string>()
  for (const machine of brokers) {
    const replica = replicaOf(machine, topicId, state.index)
    const isAssigned = replicas.some((id) => brokers[id - 1] === machine)
    if (isAssigned !== (replica !== undefined))
      return `${machine.name} ${isAssigned ? 'lacks a' : 'still has a'} replica`
    if (replica === undefined) continue
    if (replica.isLeader !== (brokers[leader - 1] === machine)) return `${machine.name} plays another part`
    const { log, highWatermark } = replica
    ends.add(`end ${log.endOffset}, durable ${log.durableOffset}, high watermark ${highWatermark}`)
    ends.add(`end ${log.endOffset}, durable ${log.endOffset}, high watermark ${log.endOffset}`)
  }
  return ends.size === 1 ? undefined : [...ends].join('; ')
}

function summaryOf({ topicsById, brokers, policies, drains, controller }: ClusterImage): string {
  const topics = [...topicsById.values()].map(
    ({ id, modRevision, partitions }) => `${id} ${modRevision} ${partitions.map((state) => state.modRevision).join()}`,
  )
  const live = [...brokers.values()].map(({ id, epoch }) => `${id} ${epoch}`)
  return JSON.stringify([
    topics.toSorted(),
    live.toSorted(),
    [...policies.keys()].toSorted(),
    [...drains.keys()].toSorted((one, other) => one - other),
    controller,
  ])
}

/** Compares all batches of all replicas; for a cluster that has converged. */
export async function compareReplicas({ brokers, metadata, isRotten }: Cluster): Promise<Finding[]> {
  const findings: Finding[] = []
  for (const { id, name, partitions } of metadata.image?.topicsById.values() ?? []) {
    for (const { index } of partitions) {
      const replicas = brokers.flatMap((machine) => replicaOf(machine, id, index) ?? [])
      if (isRotten(id, index) || replicas.length < 2 || replicas[0]!.settings.cleanupCompact) continue
      // Each replica deletes what is old by itself.
      const from = Math.max(...replicas.map(({ log }) => log.startOffset))
      try {
        const logs = await Promise.all(replicas.map((replica) => describeBatches(replica, from)))
        const difference = findDifference(logs)
        if (difference !== undefined)
          findings.push({ kind: 'unequal-replicas', where: `${name}-${index}`, detail: difference })
      } catch (error) {
        if (!(error instanceof LogDamageError || error instanceof BrokerError)) throw error
        findings.push({ kind: 'unequal-replicas', where: `${name}-${index}`, detail: error.message })
      }
    }
  }
  return findings
}

function findDifference(logs: readonly string[][]): string | undefined {
  const [first, ...others] = logs as [string[], ...string[][]]
  for (const other of others) {
    const at = first.findIndex((batch, index) => other[index] !== batch)
    if (at >= 0) return `${first[at]}; ${other[at] ?? 'nothing'}`
    if (other.length > first.length) return `nothing; ${other[first.length]}`
  }
  return undefined
}
