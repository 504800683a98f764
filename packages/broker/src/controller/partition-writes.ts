import { requestBytesMax, transactionOperationsMax } from '../cluster/metadata-store.ts'
import type { Comparison, Operation, Transaction } from '../cluster/metadata-store.ts'
import { brokerKey, controllerKey, partitionKey } from '../image/keys.ts'
import { encodePartition } from '../image/partition-state.ts'
import type { PartitionChange } from './cluster-view.ts'

/** Most partitions in one transaction. */
export const partitionsPerWriteMax = 100

/** Room for keys, comparisons and what a store adds. */
const bytesPerWriteMax = requestBytesMax / 2

/**
 * Changes of partitions that are written together: all or none. Each counts only if the state it was made from still
 * stands, the writer is still who it was, and every broker that was elected still lives under the same epoch.
 */
export class PartitionWrite {
  readonly changes: PartitionChange[] = []
  readonly #fence: Comparison
  readonly #countMax: number
  readonly #leaders = new Map<number, number>()
  readonly #puts: Operation[] = []
  #bytes = 0

  /** @param fence that the writer is still who it was, such as `controllerFence` */
  constructor(fence: Comparison, countMax = partitionsPerWriteMax) {
    this.#fence = fence
    this.#countMax = countMax
  }

  /** Whether there is room for one more change, whatever it is. */
  get hasRoom(): boolean {
    const comparisonCount = 1 + this.changes.length + this.#leaders.size
    const isShort = this.changes.length < this.#countMax && comparisonCount + 2 <= transactionOperationsMax
    return isShort && this.#bytes < bytesPerWriteMax
  }

  add(change: PartitionChange): void {
    const { topic, before, after } = change
    const value = encodePartition(after)
    this.changes.push(change)
    this.#puts.push({ kind: 'put', key: partitionKey(topic.id, before.index), value })
    this.#bytes += 2 * value.length
    const isElected = after.leader !== -1 && after.leaderEpoch > before.leaderEpoch
    if (isElected && after.leaderBrokerEpoch > 0) this.#leaders.set(after.leader, after.leaderBrokerEpoch)
  }

  /** What to write; if it fails, the answer tells who controls. */
  transaction(): Transaction {
    const compare: Comparison[] = [this.#fence]
    for (const [id, epoch] of this.#leaders) {
      compare.push({ key: brokerKey(id), target: 'createRevision', operator: '=', value: epoch })
    }
    for (const { topic, before } of this.changes) {
      const key = partitionKey(topic.id, before.index)
      compare.push({ key, target: 'modRevision', operator: '=', value: before.modRevision })
    }
    return { compare, then: this.#puts, else: [{ kind: 'get', key: controllerKey }] }
  }
}

/** True while the controller elected at this revision is the one. */
export function controllerFence(epoch: number): Comparison {
  return { key: controllerKey, target: 'createRevision', operator: '=', value: epoch }
}

/** True while a broker is registered under this epoch. */
export function brokerFence(brokerId: number, epoch: number): Comparison {
  return { key: brokerKey(brokerId), target: 'createRevision', operator: '=', value: epoch }
}
