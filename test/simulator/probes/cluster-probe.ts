import type { Scheduler } from '../../../packages/broker/src/host/simulated/scheduler.ts'
import type { ClusterImage } from '../../../packages/broker/src/image/cluster-image.ts'
import { isIntact } from '../../../packages/broker/src/image/partition-change.ts'
import type { PartitionState } from '../../../packages/broker/src/image/partition-state.ts'
import type { Replica } from '../../../packages/broker/src/replica/replica.ts'
import type { Finding } from '../checkers/history.ts'
import type { BrokerMachine } from '../world/broker-machine.ts'
import type { MetadataMachine } from '../world/metadata-machine.ts'
import { BatchIndex } from './batch-index.ts'
import { Committed } from './committed.ts'

const lookMs = 50
/** One broken rule shows again at each look. */
const findingsMax = 20

/** What has been seen of a partition so far. */
interface Seen {
  batches: BatchIndex
  committed: Committed
  /** By leader epoch: who has led. */
  leaders: Map<number, string>
}

export interface ClusterProbeParts {
  scheduler: Scheduler
  brokers: readonly BrokerMachine[]
  metadata: MetadataMachine
  /** Logs with the one broker whose copy is broken. */
  mendable: Map<string, number>
  /** Whether nothing happens that could keep a broker that stops from handing over what it leads. */
  areStopsCalm: boolean
  found: (finding: Finding) => void
}

/**
 * Looks into all live brokers of a cluster and into the metadata store, again and again, for what may never be (the names are
 * those of the specifications listed in docs/reliability.md):
 *
 * - two-leaders: two brokers, or two processes of one, have led one partition in the same leader epoch;
 * - log-matching: two replicas have the same offset of the same epoch with other bytes;
 * - strong-isr: a member of the stored ISR lacks something below the high watermark of whoever thinks it leads;
 * - leader-completeness: a new leader lacks something that was committed;
 * - leader-in-isr: the stored leader is not in the stored ISR;
 * - hasty-stop: a broker has stopped in good order and leads what another could lead;
 * - undurable-watermark: a high watermark is beyond what is on that replica's disk.
 */
export class ClusterProbe {
  readonly #parts: ClusterProbeParts
  readonly #seen = new Map<string, Seen>()
  #findingCount = 0
  #lookCount = 0

  constructor(parts: ClusterProbeParts) {
    this.#parts = parts
    parts.metadata.onChange(() => this.look())
    this.#lookLater()
  }

  /** How often it has looked. */
  get lookCount(): number {
    return this.#lookCount
  }

  look(): void {
    this.#lookCount += 1
    for (const machine of this.#parts.brokers) {
      for (const replica of machine.broker?.replicas.replicas() ?? []) this.#lookAt(machine, replica)
    }
    const { image } = this.#parts.metadata
    if (image === undefined) return
    this.#lookAtBroken(image)
    if (this.#parts.areStopsCalm) for (const machine of this.#parts.brokers) this.#lookAtStopping(machine, image)
    for (const topic of image.topicsById.values()) {
      for (const state of topic.partitions) this.#lookAtStored(topic.id, state)
    }
  }

  /** A broker that ends its registration to stop leads nothing that another could lead. */
  #lookAtStopping({ brokerId, name, isStopping }: BrokerMachine, image: ClusterImage): void {
    if (!isStopping || image.brokers.has(brokerId)) return
    for (const topic of image.topicsById.values()) {
      for (const { index, leader, inSyncReplicas } of topic.partitions) {
        if (leader !== brokerId) continue
        const other = inSyncReplicas.find((id) => image.brokers.get(id)?.status === 'serving')
        if (other === undefined) continue
        this.#found('hasty-stop', `${topic.name}-${index}`, `${name} has stopped and leads, broker ${other} could`)
      }
    }
  }

  /** Once only the broken replica is in sync, there may be nobody left who has what it lacks. */
  #lookAtBroken(image: ClusterImage): void {
    for (const [log, brokerId] of this.#parts.mendable) {
      const [topicId, index] = log.split('/')
      const state = image.topicsById.get(topicId!)?.partitions[Number(index)]
      if (state === undefined || state.inSyncReplicas.every((id) => id === brokerId)) this.#parts.mendable.delete(log)
    }
  }

  #lookLater(): void {
    this.#parts.scheduler.schedule(lookMs, 'probe', () => {
      this.look()
      this.#lookLater()
    })
  }

  #seenOf(topicId: string, index: number): Seen {
    const key = `${topicId}/${index}`
    const seen = this.#seen.get(key) ?? { batches: new BatchIndex(), committed: new Committed(), leaders: new Map() }
    this.#seen.set(key, seen)
    return seen
  }

  #lookAt(machine: BrokerMachine, replica: Replica): void {
    const { log, topicId, index, highWatermark } = replica
    if (log.damage !== undefined) return
    const where = `${replica.topicName}-${index} on ${machine.name}`
    const seen = this.#seenOf(topicId, index)
    // Compaction makes other batches of what stands at the same offsets.
    const mismatches = replica.settings.cleanupCompact ? [] : seen.batches.read(log)
    for (const { offset, epoch } of mismatches) {
      this.#found('log-matching', where, `offset ${offset} of epoch ${epoch} has other bytes than elsewhere`)
    }
    if (highWatermark > log.durableOffset) {
      const detail = `the high watermark is ${highWatermark}, on disk is what is below ${log.durableOffset}`
      this.#found('undurable-watermark', where, detail)
    }
    if (replica.isLeader) this.#lookAtLeader(machine, replica, seen, where)
  }

  #lookAtLeader(machine: BrokerMachine, replica: Replica, seen: Seen, where: string): void {
    const { leaderEpoch, state, log } = replica
    // The only replica leads on after a restart.
    const isAlone = state.replicas.length === 1 || state.leaderBrokerEpoch === 0
    const who = isAlone ? machine.name : `${machine.name} in process ${machine.processNumber}`
    const known = seen.leaders.get(leaderEpoch)
    if (known === undefined) {
      seen.leaders.set(leaderEpoch, who)
      const offset = seen.committed.anyDifference(log, replica.settings.cleanupCompact)
      if (offset >= 0 && !state.recovering) {
        this.#found('leader-completeness', where, `epoch ${leaderEpoch} begins without the committed offset ${offset}`)
      }
    } else if (!known.startsWith(isAlone ? machine.name : who) && !who.startsWith(known)) {
      this.#found('two-leaders', where, `epoch ${leaderEpoch} was led by ${known}`)
    }
    seen.committed.extend(log, replica.highWatermark)
    this.#lookAtMembers(replica, seen, where)
  }

  #lookAtMembers(leader: Replica, { committed }: Seen, where: string): void {
    const { topicId, index, highWatermark } = leader
    const { image } = this.#parts.metadata
    const stored = image?.topicsById.get(topicId)?.partitions[index]
    // The store's answer to a leader may be faster than the news of it.
    if (image === undefined || stored === undefined || stored.modRevision < leader.state.modRevision) return
    for (const id of stored.inSyncReplicas) {
      const machine = this.#parts.brokers[id - 1]
      const member = machine?.broker && replicaOf(machine, topicId, index)
      // A member that has lost something counts no more: its new registration says so.
      if (member === undefined || member.log.damage !== undefined || !isIntact(stored, image.brokers, id)) continue
      const offset = committed.lastDifference(member.log, highWatermark, leader.settings.cleanupCompact)
      if (offset < 0) continue
      const detail = `${machine!.name} is in the ISR and lacks ${offset}, the high watermark is ${highWatermark}`
      this.#found('strong-isr', where, detail)
    }
  }

  #lookAtStored(topicId: string, { index, leader, inSyncReplicas }: PartitionState): void {
    if (leader === -1 || inSyncReplicas.includes(leader)) return
    this.#found('leader-in-isr', `${topicId}/${index}`, `${leader} leads, in sync are ${inSyncReplicas.join()}`)
  }

  #found(kind: string, where: string, detail: string): void {
    this.#findingCount += 1
    if (this.#findingCount > findingsMax) return
    const atMs = Math.round(this.#parts.scheduler.nowMs)
    this.#parts.found({ kind, where, detail: `${detail} (at ${atMs} ms)` })
  }
}

export function replicaOf(machine: BrokerMachine, topicId: string, index: number): Replica | undefined {
  const { broker } = machine
  if (broker === undefined) return undefined
  const found = broker.replicas.leader(topicId, index) ?? broker.replicas.follower(topicId, index)
  return found as Replica | undefined
}
