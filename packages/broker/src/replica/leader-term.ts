import { changeIsr } from '../image/partition-change.ts'
import type { LiveBrokers } from '../image/partition-change.ts'
import type { PartitionState } from '../image/partition-state.ts'
import type { ReplicaFetch } from '../topic/partition.ts'
import { FollowerProgress } from './follower-progress.ts'

export interface TermRules {
  readonly brokerId: number
  readonly minInsyncReplicas: number
  /** Commit only what every assigned replica has, in sync or not (requirement W4). */
  readonly onAllReplicas: boolean
  /** `replica.lag.time.max.ms` */
  readonly lagMsMax: number
}

/**
 * What a leader knows in one leader epoch: how far its followers are, and which ISR is stored or on its way to the store.
 * Pure: time and the log's end are given. Rules 1, 4, 5 and 6 of kafka.md §4.1.
 */
export class LeaderTerm {
  readonly epoch: number
  /** End of the log when the term began. Until the high watermark is there, the end of what is committed is not known. */
  readonly startOffset: number
  #state: PartitionState
  /** The state proposed to the store; its outcome is not known. */
  #proposed: PartitionState | undefined
  readonly #progress = new Map<number, FollowerProgress>()
  /**
   * Everything before may have been reported as deleted, by this term or an earlier one: whoever joins must have deleted it
   * as well, or would bring it back as the next leader.
   */
  deletedBefore: number

  /** @param log the leader's own, when the term begins */
  constructor(state: PartitionState, log: { readonly startOffset: number; readonly endOffset: number }, nowMs: number) {
    this.epoch = state.leaderEpoch
    this.startOffset = log.endOffset
    this.deletedBefore = log.startOffset
    this.#state = state
    for (const id of state.replicas)
      this.#progress.set(id, new FollowerProgress(state.inSyncReplicas.includes(id), nowMs))
  }

  get state(): PartitionState {
    return this.#state
  }

  get isProposing(): boolean {
    return this.#proposed !== undefined
  }

  /** Members of the stored ISR, and those that a proposal under way brings in: each must have what is committed. */
  isMaximalMember(id: number): boolean {
    return this.#state.inSyncReplicas.includes(id) || (this.#proposed?.inSyncReplicas.includes(id) ?? false)
  }

  /** The store's newest state of this epoch. Older news than what is known is nothing new. */
  update(state: PartitionState, nowMs: number): void {
    if (state.modRevision <= this.#state.modRevision && state !== this.#state) return
    this.#state = state
    // Whatever was proposed compares an older revision: it has become this state, or never will.
    this.#proposed = undefined
    for (const id of state.replicas)
      if (!this.#progress.has(id)) this.#progress.set(id, new FollowerProgress(false, nowMs))
    for (const id of this.#progress.keys()) if (!state.replicas.includes(id)) this.#progress.delete(id)
  }

  /** Who may be the next leader without a loss: the maximal ISR, and who has left it but is eligible (KIP-966). */
  get electableFollowers(): readonly FollowerProgress[] {
    const { leader, eligible } = this.#state
    return [...this.#progress]
      .filter(([id]) => id !== leader && (this.isMaximalMember(id) || eligible.includes(id)))
      .map(([, one]) => one)
  }

  progressOf(id: number): FollowerProgress | undefined {
    return this.#progress.get(id)
  }

  /** Notes a fetch; false if it comes from no replica. */
  note(fetch: ReplicaFetch, leaderEnd: number, nowMs: number): boolean {
    const progress = this.#progress.get(fetch.replicaId)
    progress?.note(fetch, leaderEnd, nowMs)
    return progress !== undefined
  }

  /**
   * The high watermark that follows from what is known, never less than `present`: the least durable end of the maximal
   * ISR and of replicas that are about to join it (one that has nearly everything would be a little behind for ever if
   * nobody waited for it), and none while the ISR is below min.insync.replicas (KAFKA-15583).
   */
  highWatermark(present: number, ownEnd: number, nowMs: number, rules: TermRules, brokers: LiveBrokers): number {
    const { replicas, inSyncReplicas, eligible } = this.#state
    if (inSyncReplicas.length < Math.min(rules.minInsyncReplicas, replicas.length)) return present
    // The minimum has been lowered, and who is eligible could still be elected with what it had then.
    if (eligible.length > 0) return present
    let end = ownEnd
    for (const [id, progress] of this.#progress) {
      if (id === rules.brokerId || progress.endOffset >= end) continue
      const mustHave = rules.onAllReplicas || this.isMaximalMember(id)
      if (mustHave || (this.#isCounted(id, brokers) && progress.isCaughtUp(ownEnd, nowMs, rules.lagMsMax))) {
        end = progress.endOffset
      }
    }
    return Math.max(present, end)
  }

  /**
   * The next state to propose, if the ISR should change and nothing is under way.
   * @param brokers who is alive; a replica joins only under the epoch it is registered with (KIP-903)
   */
  proposal(
    highWatermark: number,
    ownEnd: number,
    nowMs: number,
    rules: TermRules,
    brokers: LiveBrokers,
  ): PartitionState | undefined {
    if (this.#proposed !== undefined) return undefined
    const { replicas, inSyncReplicas } = this.#state
    const joined = new Map<number, number>()
    const next = inSyncReplicas.filter((id) => {
      const progress = this.#progress.get(id)
      if (id === rules.brokerId || progress === undefined) return true
      if (progress.isCaughtUp(ownEnd, nowMs, rules.lagMsMax)) return true
      progress.hasFetched = false
      return false
    })
    for (const id of replicas) {
      if (inSyncReplicas.includes(id) || !this.#mayJoin(id, { highWatermark, ownEnd, nowMs }, rules, brokers)) continue
      next.push(id)
      joined.set(id, brokers.get(id)!.epoch)
    }
    if (joined.size === 0 && next.length === inSyncReplicas.length) return undefined
    // A leader that still repairs its log after an unclean election stands alone.
    const isRecovered = this.#state.recovering && joined.size > 0
    const base = isRecovered ? { ...this.#state, recovering: false } : this.#state
    return changeIsr(base, next, joined, rules.minInsyncReplicas, brokers)
  }

  /** One that joined while it is far behind would only have to leave again, and hold back what is committed until then. */
  #mayJoin(
    id: number,
    leader: { highWatermark: number; ownEnd: number; nowMs: number },
    rules: TermRules,
    brokers: LiveBrokers,
  ): boolean {
    const progress = this.#progress.get(id)!
    const { endOffset, logStartOffset, hasFetched } = progress
    progress.hasFetched = false
    if (!hasFetched || !this.#isCounted(id, brokers) || logStartOffset < this.deletedBefore) return false
    if (endOffset < leader.highWatermark || endOffset < this.startOffset) return false
    return progress.isCaughtUp(leader.ownEnd, leader.nowMs, rules.lagMsMax)
  }

  /** Whether what the follower says counts: it is registered under the epoch that it fetches with, and stays. */
  #isCounted(id: number, brokers: LiveBrokers): boolean {
    const broker = brokers.get(id)
    return broker?.status === 'serving' && this.#progress.get(id)!.brokerEpoch === broker.epoch
  }

  /** The proposal goes to the store: from here on its additions count, its removals do not yet. */
  propose(state: PartitionState): void {
    this.#proposed = state
  }

  /** The store has surely not taken the proposal. */
  withdraw(): void {
    this.#proposed = undefined
  }
}
