import { assert } from '../errors/errors.ts'
import type { GroupAlarm } from './group-alarm.ts'
import { Member, noBytes } from './member.ts'
import type { MemberTraits } from './member.ts'
import type { GroupState, JoinAnswer, JoinedMember, MemberProtocol, SyncAnswer } from './messages.ts'
import { OffsetTable } from './offset-table.ts'

/** Dead goes back to Empty only when the tombstones of a deletion cannot be written. */
const previousStates: Record<GroupState, readonly GroupState[]> = {
  Empty: ['PreparingRebalance', 'Dead'],
  PreparingRebalance: ['Empty', 'CompletingRebalance', 'Stable'],
  CompletingRebalance: ['PreparingRebalance'],
  Stable: ['CompletingRebalance'],
  Dead: ['Empty', 'PreparingRebalance', 'CompletingRebalance', 'Stable'],
}

/**
 * One group: who is in it, how far the rebalance is, what is committed. It keeps its own counts and indexes right and
 * knows no clock and no log; what happens when is decided in `rebalance.ts` and the files of the operations.
 */
export class Group {
  readonly id: string
  readonly alarm: GroupAlarm
  readonly offsets = new OffsetTable()
  /** Member ids handed out and not yet joined with, each with the monotonic time at which it is forgotten. */
  readonly pendingMembers = new Map<string, number>()
  /** Members that have not yet sent the sync of this generation. */
  readonly unsynced = new Set<string>()
  generation = 0
  protocolType: string | null = null
  protocolName: string | null = null
  leader: string | null = null
  /** Wall-clock time of the last change of state, as stored; -1 if unknown. */
  stateTimestampMs = -1
  /** Monotonic end of the time for joining, and of that for syncing; infinite when not running. */
  joinDeadlineMs = Number.POSITIVE_INFINITY
  syncDeadlineMs = Number.POSITIVE_INFINITY
  /** While the first members of an empty group gather: the most by which that may still be extended. */
  gathering: { leftMs: number; joinedSince: boolean } | null = null
  /** The last generation whose assignment went to the log; a second one for it would be too late. */
  generationStored = -1
  #state: GroupState = 'Empty'
  readonly #members = new Map<string, Member>()
  readonly #memberIdByInstance = new Map<string, string>()
  /** How many members offer each protocol. */
  readonly #offers = new Map<string, number>()
  #joiningCount = 0

  /** @param alarm made by the caller, as its ringing is about more than this object. */
  constructor(id: string, alarm: GroupAlarm) {
    this.id = id
    this.alarm = alarm
  }

  get state(): GroupState {
    return this.#state
  }

  get size(): number {
    return this.#members.size
  }

  /** Members whose join is parked. */
  get joiningCount(): number {
    return this.#joiningCount
  }

  /** Nothing about it is worth keeping or writing a tombstone for. */
  get transient(): boolean {
    return this.#state === 'Empty' && this.generation === 0 && this.pendingMembers.size === 0 && this.offsets.size === 0
  }

  enter(state: GroupState, nowMs: number): void {
    assert(previousStates[state].includes(this.#state), `group went from ${this.#state} to ${state}`)
    this.#state = state
    this.stateTimestampMs = nowMs
  }

  /** As `enter('Stable')`, for a group read from the log. */
  enterLoaded(): void {
    assert(this.#state === 'Empty' && this.size > 0, 'only a new group can be loaded')
    this.#state = 'Stable'
  }

  members(): IterableIterator<Member> {
    return this.#members.values()
  }

  member(id: string): Member | undefined {
    return this.#members.get(id)
  }

  memberIdOf(instanceId: string): string | undefined {
    return this.#memberIdByInstance.get(instanceId)
  }

  /** The first member leads and fixes the protocol type. */
  add(member: Member, protocolType: string): void {
    assert(!this.#members.has(member.id), 'a member id is given out once')
    if (this.#members.size === 0) this.protocolType = protocolType
    this.pendingMembers.delete(member.id)
    this.#members.set(member.id, member)
    if (member.instanceId !== null) this.#memberIdByInstance.set(member.instanceId, member.id)
    this.#countOffers(member.traits.protocols, 1)
    this.leader ??= member.id
  }

  /** Takes a member out. Parked requests must have been answered. */
  remove(member: Member): void {
    assert(member.joinWaiter === null && member.syncWaiter === null, 'a parked request must be answered')
    assert(this.#members.delete(member.id), 'only a member can be removed')
    if (member.instanceId !== null) this.#memberIdByInstance.delete(member.instanceId)
    this.#countOffers(member.traits.protocols, -1)
    if (this.leader === member.id) this.leader = this.#members.keys().next().value ?? null
  }

  update(member: Member, traits: MemberTraits): void {
    this.#countOffers(member.traits.protocols, -1)
    member.traits = traits
    this.#countOffers(traits.protocols, 1)
  }

  /** A static member goes on under a new id, at the end of the member order. Parked requests must have been answered. */
  replaceId(member: Member, memberId: string): void {
    assert(member.joinWaiter === null && member.syncWaiter === null, 'the predecessor must be answered first')
    assert(member.instanceId !== null && !this.#members.has(memberId), 'only a static member changes its id')
    const previousId = member.id
    this.#members.delete(previousId)
    member.id = memberId
    this.#members.set(memberId, member)
    this.#memberIdByInstance.set(member.instanceId, memberId)
    if (this.unsynced.delete(previousId)) this.unsynced.add(memberId)
    if (this.leader === previousId) this.leader = memberId
  }

  parkJoin(member: Member, waiter: (answer: JoinAnswer) => void): void {
    assert(member.joinWaiter === null, 'a join parked earlier must be answered first')
    member.joinWaiter = waiter
    this.#joiningCount++
  }

  /** Answers the parked join, if there is one. */
  answerJoin(member: Member, answer: JoinAnswer): boolean {
    const waiter = member.joinWaiter
    if (waiter === null) return false
    member.joinWaiter = null
    this.#joiningCount--
    waiter(answer)
    return true
  }

  /** Answers the parked sync, if there is one. */
  answerSync(member: Member, answer: SyncAnswer): boolean {
    const waiter = member.syncWaiter
    if (waiter === null) return false
    member.syncWaiter = null
    waiter(answer)
    return true
  }

  /** Whether a joining member has a protocol in common with all that are here. */
  accepts(protocolType: string, protocols: readonly MemberProtocol[]): boolean {
    if (protocolType === '' || protocols.length === 0) return false
    if (this.#state === 'Empty' || this.size === 0) return true
    return this.protocolType === protocolType && protocols.some(({ name }) => this.#offeredByAll(name))
  }

  /** The protocol with most votes: each member has one, for the first of its own that all offer. */
  selectProtocol(): string {
    const votes = new Map<string, number>()
    for (const { traits } of this.#members.values()) {
      const choice = traits.protocols.find(({ name }) => this.#offeredByAll(name))
      assert(choice !== undefined, 'members without a common protocol are refused')
      votes.set(choice.name, (votes.get(choice.name) ?? 0) + 1)
    }
    const countMax = Math.max(...votes.values())
    const winners = [...votes.keys()].filter((name) => votes.get(name) === countMax)
    if (winners.length === 1) return winners[0]!
    // A tie goes to what the leader likes best, so that the outcome does not depend on who joined in which order.
    const leading = this.#members.get(this.leader ?? '')
    return leading?.traits.protocols.find(({ name }) => winners.includes(name))?.name ?? winners[0]!
  }

  /** Lets a member lead that has joined; false if none has. */
  electJoined(): boolean {
    const leading = this.leader === null ? undefined : this.#members.get(this.leader)
    if (leading !== undefined && leading.joinWaiter !== null) return true
    for (const member of this.#members.values()) {
      if (member.joinWaiter === null) continue
      this.leader = member.id
      return true
    }
    return false
  }

  /** Longest rebalance time-out of all members. */
  rebalanceTimeoutMs(): number {
    let longestMs = 0
    for (const { traits } of this.#members.values()) longestMs = Math.max(longestMs, traits.rebalanceTimeoutMs)
    return longestMs
  }

  /** What the leader is told about the members. */
  joinedMembers(): JoinedMember[] {
    return Array.from(this.#members.values(), (member) => ({
      memberId: member.id,
      instanceId: member.instanceId,
      metadata: member.metadataFor(this.protocolName),
    }))
  }

  clearAssignments(): void {
    for (const member of this.#members.values()) member.assignment = noBytes
  }

  #offeredByAll(name: string): boolean {
    return this.#offers.get(name) === this.size
  }

  #countOffers(protocols: readonly MemberProtocol[], by: 1 | -1): void {
    for (const { name } of protocols) {
      const count = (this.#offers.get(name) ?? 0) + by
      if (count === 0) this.#offers.delete(name)
      else this.#offers.set(name, count)
    }
  }
}
