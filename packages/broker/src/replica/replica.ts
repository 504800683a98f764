import type { TopicSettings } from '../config/topic-settings.ts'
import type { ErrorCode } from '../errors/errors.ts'
import { BrokerError } from '../errors/errors.ts'
import { hasLeader } from '../image/partition-change.ts'
import type { LiveBrokers } from '../image/partition-change.ts'
import type { PartitionState } from '../image/partition-state.ts'
import { DiskError } from '../host/disk.ts'
import type { Clock } from '../host/clock.ts'
import type { Ownership } from '../host/frame-memory.ts'
import type { Log } from '../log/log.ts'
import { findMissingRecords } from '../log/log-damage.ts'
import type { LogStore } from '../log/store.ts'
import type { FoundOffset } from '../log/time-search.ts'
import { lastOffsetDeltaOf, producerIdOf, stampLogAppendTime } from '../record/batch.ts'
import { buildBatch } from '../record/build.ts'
import { CommitWaiters } from '../topic/commit-waiters.ts'
import type {
  ActiveProducer,
  Appended,
  AppendFault,
  InternalRecord,
  IsolationLevel,
  Partition,
  ReadRequest,
  ReadResult,
  ReplicaFetch,
} from '../topic/partition.ts'
import { inStorageTerms } from '../topic/storage-failure.ts'
import { findAppendFault } from './append-rules.ts'
import { FollowerStarts } from './follower-starts.ts'
import { LeaderTerm } from './leader-term.ts'
import { activeProducersOf, bytesBetween } from './log-facts.ts'
import type { TermRules } from './leader-term.ts'
import { ReplicaReads } from './replica-reads.ts'

/** What all replicas of a broker share. */
export interface ReplicaSurroundings {
  readonly brokerId: number
  readonly clock: Clock
  readonly store: LogStore
  readonly lagMsMax: () => number
  readonly brokers: LiveBrokers
  /** The ISR of a partition led here might have to change. */
  readonly reviewIsr: (replica: Replica) => void
  /** The log of a replica has become damaged. */
  readonly damaged: (replica: Replica) => void
}

export interface ReplicaIdentity {
  topicName: string
  topicId: string
  index: number
}

const notLeader: AppendFault = { code: 'not-leader', detail: 'this broker does not lead the partition any more' }

/**
 * One replica of a partition: this broker's log of it and the part that it plays. As leader it takes appends and counts how
 * far its followers are; as follower it takes what its leader has (`FollowerRole`). Consumers never see more than the high
 * watermark: what all in-sync replicas have on disk.
 */
export class Replica implements Partition {
  readonly topicName: string
  readonly topicId: string
  readonly index: number
  readonly log: Log
  /** Replaced as a whole when the topic's configuration changes. */
  settings: TopicSettings
  readonly #around: ReplicaSurroundings
  readonly #committed = new CommitWaiters()
  readonly #durable = new CommitWaiters()
  readonly #listeners = new Set<() => void>()
  readonly #replicaListeners = new Set<() => void>()
  #state: PartitionState
  #term: LeaderTerm | undefined
  #highWatermark: number
  readonly #starts: FollowerStarts
  readonly #reads: ReplicaReads
  #isGone = false

  constructor(
    identity: ReplicaIdentity,
    state: PartitionState,
    log: Log,
    settings: TopicSettings,
    around: ReplicaSurroundings,
  ) {
    this.topicName = identity.topicName
    this.topicId = identity.topicId
    this.index = identity.index
    this.log = log
    this.settings = settings
    this.#around = around
    this.#starts = new FollowerStarts(around.clock)
    this.#reads = new ReplicaReads(this, around.brokerId)
    this.#state = state
    // Alone, what is on disk is committed. With others, only they can tell how much of it is.
    this.#highWatermark = state.replicas.length === 1 ? log.durableOffset : log.startOffset
    log.highWatermark = this.#highWatermark
    log.onChange = () => this.#logChanged()
  }

  /** The newest state known here: as leader also one that the store took and the image does not show yet. */
  get state(): PartitionState {
    return this.#term?.state ?? this.#state
  }

  get leaderEpoch(): number {
    return this.#term?.epoch ?? this.#state.leaderEpoch
  }

  get isLeader(): boolean {
    return this.#term !== undefined
  }

  get term(): LeaderTerm | undefined {
    return this.#term
  }

  /** Whether everything that was committed before this leader's time is known to be (kafka.md §4.1 rule 4). */
  get isSettled(): boolean {
    return this.#term === undefined || this.#highWatermark >= this.#term.startOffset
  }

  /** Whether it plays no part any more, and hears nothing of its log. */
  get hasEnded(): boolean {
    return this.#isGone
  }

  get logStartOffset(): number {
    return this.log.startOffset
  }

  get highWatermark(): number {
    const { lastingDamage, endOffset } = this.log
    // All that is left is committed, and so was what is missing: nobody shall take it for the end.
    if (lastingDamage !== undefined && this.#highWatermark === endOffset) {
      return Math.max(endOffset, lastingDamage.reachedOffset)
    }
    return this.#highWatermark
  }

  get lastStableOffset(): number {
    return this.highWatermark
  }

  get missingRecords(): string | undefined {
    return findMissingRecords(this.log)
  }

  get durableOffset(): number {
    return this.log.durableOffset
  }

  get logEndOffset(): number {
    return this.log.endOffset
  }

  get sizeBytes(): number {
    return this.log.sizeBytes
  }

  get rules(): TermRules {
    const { brokerId, lagMsMax } = this.#around
    const { minInsyncReplicas, commitOnAllReplicas } = this.settings
    return { brokerId, minInsyncReplicas, onAllReplicas: commitOnAllReplicas, lagMsMax: lagMsMax() }
  }

  // Parts to play

  /** Whether `state` makes this broker, under its present epoch, the leader. */
  wantsToLead(state: PartitionState): boolean {
    return state.leader === this.#around.brokerId && hasLeader(state, this.#around.brokers)
  }

  /** Leads from now on, or goes on leading with a newer state. The log must be at rest: no cut under way. */
  lead(state: PartitionState): void {
    const nowMs = this.#around.clock.monotonicMs()
    this.#state = state
    if (this.#term?.epoch === state.leaderEpoch) this.#term.update(state, nowMs)
    else {
      this.#failWaiters(notLeader)
      this.log.epochs.assign(state.leaderEpoch, this.log.endOffset)
      this.#term = new LeaderTerm(state, this.log, nowMs)
    }
    this.advance()
    this.#starts.check(this.#term!)
    this.#notify()
  }

  /** Does not lead (any more). */
  follow(state: PartitionState): void {
    this.#state = state
    this.#resign(notLeader)
  }

  /** The store has taken this leader's proposal, or shows what another has written in the same term. */
  updateTerm(state: PartitionState): void {
    if (this.#term?.epoch !== state.leaderEpoch) return
    this.#term.update(state, this.#around.clock.monotonicMs())
    this.advance()
    this.#starts.check(this.#term)
  }

  /**
   * What the ISR should be, if not what it is; to be given back by `updateTerm` or `term.withdraw`. A leader that lacks
   * records counts nobody as complete because he has as few, and drops nobody: he may be the one who has them.
   */
  proposeIsr(): PartitionState | undefined {
    const term = this.#term
    if (term === undefined || this.#isGone || this.missingRecords !== undefined) return undefined
    const { clock, brokers } = this.#around
    const { durableOffset } = this.log
    const proposal = term.proposal(this.#highWatermark, durableOffset, clock.monotonicMs(), this.rules, brokers)
    if (proposal !== undefined) term.propose(proposal)
    return proposal
  }

  /** The partition has been deleted or has left this broker; nobody is answered from here again. */
  end(): void {
    this.#isGone = true
    this.#resign({ code: 'unknown-topic', detail: 'the partition was removed from this broker' })
    this.log.onChange = () => undefined
  }

  #resign(fault: AppendFault): void {
    if (this.#term === undefined && !this.#isGone) return
    this.#term = undefined
    this.#failWaiters(fault)
    this.#notify()
  }

  #failWaiters(fault: AppendFault): void {
    this.#committed.fail(fault)
    this.#durable.fail(fault)
    this.#starts.fail(fault)
  }

  // Appending

  append(batch: Uint8Array, owned: Ownership, acks: -1 | 0 | 1): Appended | AppendFault {
    const term = this.#term
    if (term === undefined) return notLeader
    const refusal = this.log.damage ?? this.#around.store.refusal
    if (refusal !== undefined) return { code: 'storage', detail: refusal }
    if (acks === -1 && term.state.inSyncReplicas.length < this.settings.minInsyncReplicas) {
      return this.#tooFewReplicas(term)
    }
    const nowMs = this.#around.clock.nowMs()
    const fault = findAppendFault(batch, this.settings, nowMs)
    if (fault) return fault
    if (producerIdOf(batch, 0) >= 0) {
      const verdict = this.log.producers.judge(batch)
      if (verdict.kind === 'fault') return { code: verdict.code, detail: verdict.detail }
      if (verdict.kind === 'duplicate') {
        const { baseOffset, lastOffset } = verdict.batch
        return { baseOffset, endOffset: lastOffset + 1, logAppendTimeMs: -1, duplicate: true }
      }
    }
    const { logAppendTime } = this.settings
    if (logAppendTime) stampLogAppendTime(batch, 0, nowMs)
    return this.#take(term, batch, owned, logAppendTime ? nowMs : -1)
  }

  #tooFewReplicas(term: LeaderTerm): AppendFault {
    const { inSyncReplicas, replicas } = term.state
    const { minInsyncReplicas } = this.settings
    const detail = `min.insync.replicas is ${minInsyncReplicas}; of replicas ${replicas.join(', ')}, in sync: ${inSyncReplicas.join(', ')}`
    return { code: 'not-enough-replicas', detail }
  }

  #take(term: LeaderTerm, batch: Uint8Array, owned: Ownership, logAppendTimeMs: number): Appended | AppendFault {
    try {
      const baseOffset = this.log.append(batch, owned, term.epoch)
      const endOffset = baseOffset + lastOffsetDeltaOf(batch, 0) + 1
      return { baseOffset, endOffset, logAppendTimeMs, duplicate: false }
    } catch (error) {
      if (error instanceof DiskError) return { code: 'storage', detail: error.message }
      throw error
    }
  }

  appendRecords(records: readonly InternalRecord[]): Promise<number> {
    const { clock, store } = this.#around
    const term = this.#term
    if (term === undefined) return Promise.reject(new BrokerError(notLeader.code, notLeader.detail))
    const refusal = this.log.damage ?? store.refusal
    if (refusal !== undefined) return Promise.reject(new BrokerError('storage', refusal))
    const batch = buildBatch(records, { baseTimestampMs: clock.nowMs() })
    const appended = this.#take(term, batch, true, -1)
    if ('code' in appended) return Promise.reject(new BrokerError(appended.code, appended.detail))
    return new Promise((resolve, reject) => {
      this.whenCommitted(appended.endOffset, (fault) => {
        if (fault) reject(new BrokerError(fault.code, fault.detail))
        else resolve(appended.baseOffset)
      })
    })
  }

  whenCommitted(endOffset: number, callback: (fault: AppendFault | undefined) => void): void {
    this.#await(this.#committed, this.#highWatermark, endOffset, callback)
  }

  whenDurable(endOffset: number, callback: (fault: AppendFault | undefined) => void): void {
    this.#await(this.#durable, this.log.durableOffset, endOffset, callback)
  }

  #await(
    waiters: CommitWaiters,
    present: number,
    endOffset: number,
    callback: (fault: AppendFault | undefined) => void,
  ): void {
    if (this.#term === undefined) callback(notLeader)
    else if (present >= endOffset) callback(undefined)
    else if (this.log.damage !== undefined) callback({ code: 'storage', detail: this.log.damage })
    else waiters.add(endOffset, callback)
  }

  // Followers

  noteFetch(fetch: ReplicaFetch): ErrorCode | undefined {
    const term = this.#term
    if (term === undefined) return 'not-leader'
    const { replicaId, currentLeaderEpoch } = fetch
    if (currentLeaderEpoch < term.epoch) return 'fenced-leader-epoch'
    if (currentLeaderEpoch > term.epoch) return 'unknown-leader-epoch'
    if (!this.#agreesWith(fetch)) return term.progressOf(replicaId) === undefined ? 'unknown-leader-epoch' : undefined
    const before = term.progressOf(replicaId)?.endOffset
    if (!term.note(fetch, this.log.durableOffset, this.#around.clock.monotonicMs())) return 'unknown-leader-epoch'
    if (!term.state.inSyncReplicas.includes(replicaId)) this.#around.reviewIsr(this)
    if (fetch.fetchOffset !== before) this.advance()
    this.#starts.check(term)
    return undefined
  }

  /** Whether everything that the follower has below its fetch offset is what stands there in this log. */
  #agreesWith({ fetchOffset, lastFetchedEpoch, logStartOffset }: ReplicaFetch): boolean {
    if (fetchOffset > this.log.endOffset) return false
    // Without a record of any epoch it holds nothing that could differ.
    if (lastFetchedEpoch < 0) return fetchOffset <= Math.max(this.log.startOffset, logStartOffset)
    const end = this.endOfEpoch(lastFetchedEpoch)
    return end.leaderEpoch === lastFetchedEpoch && end.endOffset >= fetchOffset
  }

  readForReplica(request: Omit<ReadRequest, 'isolation'>): ReadResult | Promise<ReadResult> {
    return this.#reads.read(request, this.log.durableOffset)
  }

  onReplicaAdvance(listener: () => void): () => void {
    this.#replicaListeners.add(listener)
    return () => this.#replicaListeners.delete(listener)
  }

  preferredReadReplica(rack: string, offset: number): number {
    const { brokers, brokerId } = this.#around
    const term = this.#term
    if (term === undefined || rack === '' || brokers.get(brokerId)?.rack === rack) return -1
    for (const id of term.state.inSyncReplicas) {
      const progress = term.progressOf(id)
      if (id === brokerId || brokers.get(id)?.rack !== rack || progress === undefined) continue
      if (progress.logStartOffset <= offset && offset <= progress.endOffset) return id
    }
    return -1
  }

  /** Computes the high watermark anew: the log, a follower, the ISR or the settings have changed. True if it moved. */
  advance(): boolean {
    const term = this.#term
    if (term === undefined) return false
    const { clock, brokers } = this.#around
    const present = this.#highWatermark
    const next = term.highWatermark(present, this.log.durableOffset, clock.monotonicMs(), this.rules, brokers)
    if (next === present) return false
    this.#setHighWatermark(next)
    this.#committed.release(next)
    this.#notify()
    return true
  }

  /** What the leader says is committed, as far as it is on this disk too; never goes back. */
  followHighWatermark(leaderHighWatermark: number): void {
    const next = Math.min(leaderHighWatermark, this.log.durableOffset)
    if (this.#term !== undefined || next <= this.#highWatermark) return
    this.#setHighWatermark(next)
    for (const listener of this.#listeners) listener()
  }

  /** The log was emptied, or cut by an unclean election: what was committed is not. */
  lowerHighWatermark(): void {
    if (this.#highWatermark > this.log.endOffset || this.#highWatermark < this.log.startOffset) {
      this.#setHighWatermark(Math.max(this.log.startOffset, Math.min(this.#highWatermark, this.log.endOffset)))
    }
  }

  #setHighWatermark(offset: number): void {
    this.#highWatermark = offset
    this.log.highWatermark = offset
  }

  read(request: ReadRequest): ReadResult | Promise<ReadResult> {
    return this.#reads.read(request, this.#highWatermark)
  }

  readableBytes(offset: number, _isolation: IsolationLevel): number {
    return bytesBetween(this.log, offset, this.#highWatermark)
  }

  onAdvance(listener: () => void): () => void {
    this.#listeners.add(listener)
    return () => this.#listeners.delete(listener)
  }

  offsetForTimestamp(timestampMs: number): Promise<FoundOffset | undefined> {
    return this.#reads.firstSince(timestampMs)
  }

  offsetOfMaxTimestamp(): Promise<FoundOffset | undefined> {
    return this.#reads.newest()
  }

  epochAt(offset: number): number {
    return this.log.epochs.epochAt(offset)
  }

  endOfEpoch(epoch: number): { leaderEpoch: number; endOffset: number } {
    return this.log.epochs.endOf(epoch, this.logEndOffset)
  }

  /** Resolves when all who may lead next have moved their start too: else the next leader would bring the records back. */
  async deleteRecordsBefore(offset: number): Promise<number> {
    const term = this.#term
    if (term === undefined) throw new BrokerError(notLeader.code, notLeader.detail)
    const target = offset === -1 ? this.highWatermark : offset
    if (target > this.logEndOffset && this.missingRecords !== undefined) {
      throw new BrokerError('storage', this.missingRecords)
    }
    if (target < 0 || target > this.highWatermark) {
      throw new BrokerError('offset-out-of-range', `records can be deleted up to offset ${this.highWatermark}`)
    }
    if (target > this.logStartOffset) {
      await inStorageTerms(() => this.#around.store.moveStart(this.log, target))
      this.#logChanged()
    }
    await this.#starts.reached(term, target)
    return this.logStartOffset
  }

  activeProducers(): readonly ActiveProducer[] {
    return activeProducersOf(this.log)
  }

  #logChanged(): void {
    const { damage, durableOffset } = this.log
    this.#durable.release(durableOffset)
    const hasNotified = this.advance()
    if (damage !== undefined) {
      this.#failWaiters({ code: 'storage', detail: damage })
      this.#around.damaged(this)
    }
    if (!hasNotified) this.#notify()
  }

  #notify(): void {
    for (const listener of this.#listeners) listener()
    for (const listener of this.#replicaListeners) listener()
  }
}
