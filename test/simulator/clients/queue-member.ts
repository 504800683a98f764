import type { Word } from '../checkers/queues/queue-history.ts'
import { Session } from './session.ts'
import type { ClientParts } from './session.ts'
import { NoMember, ShareMembership } from './share-membership.ts'
import { SessionOver, ShareSession } from './share-session.ts'
import type { FetchTerms, LeadershipOf, LentMessage, QueueTarget, Remark } from './share-session.ts'
import { NoAnswer } from './wire-connection.ts'
import type { WireConnection } from './wire-connection.ts'

export interface QueueMemberOptions {
  group: string
  lockDurationMs: number
  pauseMs: number
  terms: FetchTerms
  habits: QueueHabits
  leadershipOf: LeadershipOf
}

/** Shares of what is done with messages; what is left is accepted. */
export interface QueueHabits {
  release: number
  reject: number
  /** Held until the lock is over, and accepted all the same. */
  oversleep: number
  /** Never spoken of. */
  forget: number
  renew: number
  /** Of rounds after which the member leaves and comes again. */
  leave: number
  /** Of acknowledgements that go alone instead of with the next fetch. */
  alone: number
}

/** What a member will say of a message, and when. */
interface Intention extends Remark {
  dueMs: number
  /** Its lock is probably over: said by itself, as it would take the others of its request with it. */
  isLate: boolean
}

/** A member of a share group that works on what it gets: mostly well, sometimes not. */
export class QueueMember {
  protected readonly session: Session
  protected readonly parts: ClientParts
  protected readonly membership: ShareMembership
  readonly #options: QueueMemberOptions
  readonly #shares = new Map<WireConnection, ShareSession>()
  #intentions: Intention[] = []

  constructor(parts: ClientParts, options: QueueMemberOptions) {
    this.session = new Session(parts)
    this.parts = parts
    this.membership = new ShareMembership(this.session, options.group)
    this.#options = options
  }

  /** Ends with the faults: half of the members say good-bye, the others keep what they hold until its locks are over. */
  async run(): Promise<void> {
    const { random, isEnding } = this.parts
    await this.work(() => !isEnding())
    if (random.chance(0.5)) await this.attempt(() => this.leave())
  }

  /** Takes part in the group as long as `goesOn`, which is asked before each round. */
  protected async work(goesOn: () => boolean): Promise<void> {
    const { random } = this.parts
    const { pauseMs, habits } = this.#options
    while (goesOn()) {
      await this.attempt(async () => {
        await this.round()
        if (random.chance(habits.leave)) await this.leave()
      })
      await this.session.sleep(random.between(0, 2 * pauseMs))
    }
  }

  /** Trouble of the usual kind ends a step, not the member. */
  protected async attempt(step: () => Promise<void>): Promise<void> {
    try {
      await step()
    } catch (error) {
      const isUsual = error instanceof NoAnswer || error instanceof NoMember || error instanceof SessionOver
      if (!isUsual) throw error
      await this.session.sleep(this.parts.random.between(10, 200))
    }
  }

  /** Says that it lives, then visits every broker that leads something of its share. */
  protected async round(): Promise<void> {
    await this.membership.beat()
    const visits = new Map<WireConnection, QueueTarget[]>()
    for (const target of this.membership.targets) {
      const connection = await this.session.leader(target.topic.id, target.partition)
      visits.set(connection, [...(visits.get(connection) ?? []), target])
    }
    for (const [connection, targets] of visits) await this.#visit(connection, targets)
  }

  protected async leave(): Promise<void> {
    for (const [connection, share] of this.#shares) {
      this.#shares.delete(connection)
      if (share.isOpen && share.isUsable) await share.close([])
    }
    this.#intentions = []
    await this.membership.leave()
  }

  async #visit(connection: WireConnection, targets: readonly QueueTarget[]): Promise<void> {
    const share = this.#shareOn(connection)
    let carried: Intention[] = []
    // The request that opens a session cannot say anything.
    if (share.isOpen) {
      const due = this.#takeDue(targets)
      const renewals = due.filter(({ word }) => word === 'renew')
      const late = due.filter(({ isLate }) => isLate)
      carried = due.filter(({ word, isLate }) => word !== 'renew' && !isLate)
      if (renewals.length > 0) await this.#renew(share, renewals)
      if (late.length > 0) await share.acknowledge(late)
      if (carried.length > 0 && this.parts.random.chance(this.#options.habits.alone)) {
        await share.acknowledge(carried)
        carried = []
      }
    }
    for (const message of await share.fetch(targets, this.#options.terms, carried)) this.#intend(message)
  }

  #shareOn(connection: WireConnection): ShareSession {
    for (const [known, { isUsable }] of this.#shares) if (!isUsable) this.#shares.delete(known)
    const { group, leadershipOf } = this.#options
    const share =
      this.#shares.get(connection) ??
      new ShareSession({
        client: this.parts,
        group,
        member: this.parts.name,
        machine: connection.peer,
        connection,
        leadershipOf,
        misdirected: () => this.session.forgetLeaders(),
      })
    this.#shares.set(connection, share)
    return share
  }

  /** A renewed message is worked on for as long again. */
  async #renew(share: ShareSession, renewals: readonly Intention[]): Promise<void> {
    await share.acknowledge(renewals)
    const dueMs = this.parts.host.clock.monotonicMs() + this.#options.lockDurationMs * 0.5
    for (const each of renewals) this.#intentions.push({ ...each, word: 'accept', dueMs })
  }

  #takeDue(targets: readonly QueueTarget[]): Intention[] {
    const nowMs = this.parts.host.clock.monotonicMs()
    const logs = new Set(targets.map(({ log }) => log))
    const isDue = ({ dueMs, target }: Intention): boolean => dueMs <= nowMs && logs.has(target.log)
    const due = this.#intentions.filter(isDue)
    this.#intentions = this.#intentions.filter((each) => !isDue(each))
    return due
  }

  #intend(message: LentMessage): void {
    const { random, host } = this.parts
    const { lockDurationMs, habits } = this.#options
    const { target, offset, value } = message
    // What was lent once more is another delivery.
    this.#intentions = this.#intentions.filter((each) => each.offset !== offset || each.target.log !== target.log)
    const nowMs = host.clock.monotonicMs()
    const soonMs = nowMs + random.between(0, lockDurationMs * 0.2)
    const plan = (word: Word, dueMs = soonMs, isLate = false): void => {
      const retryDelayMs = word === 'release' && random.chance(0.3) ? random.below(500) : -1
      this.#intentions.push({ target, offset, word, retryDelayMs, dueMs, isLate })
    }
    if (value === undefined) return plan('gap')
    let draw = random.next()
    if ((draw -= habits.release) < 0) plan('release')
    else if ((draw -= habits.reject) < 0) plan('reject')
    else if ((draw -= habits.oversleep) < 0) plan('accept', nowMs + lockDurationMs * 1.4, true)
    else if ((draw -= habits.renew) < 0) plan('renew', nowMs + lockDurationMs * 0.5)
    else if ((draw -= habits.forget) >= 0) plan('accept')
  }
}
