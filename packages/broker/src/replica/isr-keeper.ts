import { MetadataError } from '../cluster/metadata-error.ts'
import type { MetadataErrorKind } from '../cluster/metadata-error.ts'
import type { Comparison, KeyValue, MetadataStore, Operation } from '../cluster/metadata-store.ts'
import type { Clock, Timer } from '../host/clock.ts'
import { brokerKey, partitionKey } from '../image/keys.ts'
import { decodePartition, encodePartition } from '../image/partition-state.ts'
import type { PartitionState } from '../image/partition-state.ts'
import type { Logger } from '../telemetry/logger.ts'
import type { Replica } from './replica.ts'

export interface IsrKeeperParts {
  readonly store: MetadataStore
  readonly clock: Clock
  readonly logger: Logger
  readonly brokerId: number
  /** Own broker epoch; -1 while this broker is not registered. */
  readonly brokerEpoch: () => number
  readonly lagMsMax: () => number
  readonly leaders: () => Iterable<Replica>
}

interface Proposal {
  readonly replica: Replica
  readonly before: PartitionState
  readonly after: PartitionState
}

/** Partitions in one transaction, well within etcd's 128 operations with a comparison of each and of new members. */
const partitionsPerTransaction = 40
const retryMs = 200
const surelyNotTaken: ReadonlySet<MetadataErrorKind> = new Set(['invalid', 'too-large', 'overloaded'])

/**
 * Brings the ISR of the partitions led here up to date in the store, many in one transaction. The outcome of a write may be
 * unknown: then it is repeated as it was, which by its comparisons takes effect at most once, until the answer is
 * definite (kafka.md §4.1 rule 6).
 */
export class IsrKeeper {
  readonly #parts: IsrKeeperParts
  readonly #due = new Set<Replica>()
  #isScheduled = false
  #check: Timer | undefined
  #retries = new Set<Timer>()
  #closed = false

  constructor(parts: IsrKeeperParts) {
    this.#parts = parts
  }

  start(): void {
    this.#check = this.#parts.clock.startTimer(this.#parts.lagMsMax() / 2, () => {
      for (const replica of this.#parts.leaders()) this.review(replica)
      if (!this.#closed) this.start()
    })
  }

  /** Looks at the partition's ISR at the end of this turn. */
  review(replica: Replica): void {
    if (this.#closed) return
    this.#due.add(replica)
    if (this.#isScheduled) return
    this.#isScheduled = true
    this.#parts.clock.endOfTurn(() => {
      this.#isScheduled = false
      if (!this.#closed) this.#propose()
    })
  }

  close(): void {
    this.#closed = true
    this.#check?.cancel()
    for (const timer of this.#retries) timer.cancel()
  }

  #propose(): void {
    const proposals: Proposal[] = []
    for (const replica of this.#due) {
      const before = replica.state
      const after = replica.proposeIsr()
      if (after !== undefined) proposals.push({ replica, before, after })
    }
    this.#due.clear()
    for (let at = 0; at < proposals.length; at += partitionsPerTransaction) {
      void this.#write(proposals.slice(at, at + partitionsPerTransaction))
    }
  }

  async #write(proposals: readonly Proposal[]): Promise<void> {
    const epoch = this.#parts.brokerEpoch()
    try {
      const { succeeded, revision, responses } = await this.#parts.store.transaction({
        compare: this.#conditions(proposals, epoch),
        then: proposals.map(
          ({ replica, after }): Operation => ({ kind: 'put', key: keyOf(replica), value: encodePartition(after) }),
        ),
        else: proposals.map(({ replica }): Operation => ({ kind: 'get', key: keyOf(replica) })),
      })
      if (succeeded) for (const proposal of proposals) this.#taken(proposal, revision)
      else if (proposals.length > 1) for (const proposal of proposals) void this.#write([proposal])
      else this.#refused(proposals[0]!, responses[0]?.kind === 'get' ? responses[0].keyValue : undefined)
    } catch (error) {
      if (!(error instanceof MetadataError)) throw error
      if (!this.#closed && error.kind !== 'closed') this.#failed(proposals, error)
    }
  }

  #failed(proposals: readonly Proposal[], error: MetadataError): void {
    const fields = { partitionCount: proposals.length, error: error.message }
    if (surelyNotTaken.has(error.kind)) {
      this.#parts.logger.warn('the ISR was not stored', fields)
      for (const proposal of proposals) this.#refused(proposal, undefined)
      return
    }
    this.#parts.logger.warn('it is not known whether the ISR was stored; asking again', fields)
    this.#later(() => {
      const open = proposals.filter(({ replica, before }) => replica.state === before)
      if (open.length > 0) void this.#write(open)
    })
  }

  #conditions(proposals: readonly Proposal[], epoch: number): Comparison[] {
    const brokers = new Map([[this.#parts.brokerId, epoch]])
    const compare: Comparison[] = []
    for (const { replica, before, after } of proposals) {
      compare.push({ key: keyOf(replica), target: 'modRevision', operator: '=', value: before.modRevision })
      for (const id of after.inSyncReplicas) {
        if (!before.inSyncReplicas.includes(id)) brokers.set(id, after.memberEpochs.get(id)!)
      }
    }
    for (const [id, value] of brokers) {
      compare.push({ key: brokerKey(id), target: 'createRevision', operator: '=', value })
    }
    return compare
  }

  #taken({ replica, before, after }: Proposal, revision: number): void {
    const { logger } = this.#parts
    const isr = after.inSyncReplicas.join()
    logger.info('in-sync replicas changed', {
      topic: replica.topicName,
      partition: replica.index,
      isr,
      before: before.inSyncReplicas.join(),
    })
    replica.updateTerm({ ...after, modRevision: revision })
  }

  /** The store has surely not taken it: another was first, or a broker has gone. The image will tell; until then, patience. */
  #refused({ replica, before }: Proposal, present: KeyValue | undefined): void {
    if (present !== undefined && present.modRevision !== before.modRevision) {
      replica.updateTerm(decodePartition(present.key, present.value, present.modRevision))
    }
    if (replica.state === before) replica.term?.withdraw()
    this.#later(() => this.review(replica))
  }

  #later(work: () => void): void {
    const timer = this.#parts.clock.startTimer(retryMs, () => {
      this.#retries.delete(timer)
      if (!this.#closed) work()
    })
    this.#retries.add(timer)
  }
}

function keyOf(replica: Replica): string {
  return partitionKey(replica.topicId, replica.index)
}
