import { apis } from '@polylog/wire'
import type { Commit } from '../checkers/history.ts'
import type { KnownTopic } from './catalogue.ts'
import { logOf } from './catalogue.ts'
import { findCoordinator } from './coordinator.ts'
import { join, sync } from './group-wire.ts'
import type { Share } from './group-wire.ts'
import { askOffset, earliest } from './offsets.ts'
import { recordPoll } from './poll.ts'
import { nameOfError, Session } from './session.ts'
import type { ClientParts } from './session.ts'
import { NoAnswer } from './wire-connection.ts'
import type { WireConnection } from './wire-connection.ts'

export interface GroupMemberOptions {
  group: string
  pauseMs: number
  partitionBytesMax: number
  /** How often it leaves the group and joins again. */
  leaveShare: number
}

/** Answers to a commit that say for sure that it was not stored; a coordinator that moves or stops cannot say so. */
const refusals = ['ILLEGAL_GENERATION', 'UNKNOWN_MEMBER_ID', 'REBALANCE_IN_PROGRESS']

/** Thrown to itself when the member has to join again. */
class Rejoin extends Error {}

/**
 * A member of a classic consumer group: reads its share of the lasting topics, commits after each answer, and says how far
 * it came in `progress`.
 */
export class GroupMember {
  readonly #session: Session
  readonly #parts: ClientParts
  readonly #options: GroupMemberOptions
  #memberId = ''
  #generation = -1
  #shares: (Share & { log: string; offset: number })[] = []
  #heartbeatDueMs = 0
  /** Of all topics, when it joined. */
  #partitionCount = 0

  constructor(parts: ClientParts, options: GroupMemberOptions) {
    this.#session = new Session(parts)
    this.#parts = parts
    this.#options = options
  }

  /** Never ends by itself; the world ends it. */
  async run(): Promise<void> {
    for (;;) {
      try {
        await this.#belong()
      } catch (error) {
        if (!(error instanceof NoAnswer) && !(error instanceof Rejoin)) throw error
        await this.#session.sleep(this.#parts.random.between(10, 200))
      }
    }
  }

  async #belong(): Promise<void> {
    const coordinator = await this.#findCoordinator()
    await this.#join(coordinator)
    await this.#findPositions(coordinator)
    for (;;) {
      await this.#beat(coordinator)
      if (this.#countPartitions() !== this.#partitionCount) throw new Rejoin('partitions were added')
      for (const share of this.#shares) await this.#readOn(coordinator, share)
      if (!this.#parts.isEnding() && this.#parts.random.chance(this.#options.leaveShare)) await this.#leave(coordinator)
      await this.#session.sleep(this.#parts.random.between(0, 2 * this.#options.pauseMs))
    }
  }

  async #findCoordinator(): Promise<WireConnection> {
    const found = await findCoordinator(this.#session, this.#options.group)
    if (typeof found !== 'number') return found
    this.#expect(found)
    throw new Error('no coordinator and no error')
  }

  #topics(): KnownTopic[] {
    return this.#parts.catalogue.topics.filter(({ lasting }) => lasting)
  }

  #countPartitions(): number {
    return this.#topics().reduce((sum, { partitionCount }) => sum + partitionCount, 0)
  }

  async #join(coordinator: WireConnection): Promise<void> {
    const { group } = this.#options
    const topics = this.#topics()
    this.#partitionCount = this.#countPartitions()
    let joined = await join(coordinator, group, this.#memberId, topics)
    if (nameOfError(joined.errorCode) === 'MEMBER_ID_REQUIRED') {
      this.#memberId = joined.memberId
      joined = await join(coordinator, group, this.#memberId, topics)
    }
    this.#expect(joined.errorCode)
    this.#memberId = joined.memberId
    this.#generation = joined.generationId
    const { errorCode, shares } = await sync(coordinator, group, joined, topics)
    this.#expect(errorCode)
    this.#shares = shares.map((share) => ({ ...share, log: logOf(share.topic.id, share.partition), offset: 0 }))
    this.#heartbeatDueMs = 0
    const logs = this.#shares.map(({ log }) => log)
    this.#parts.recorder.history.assignments.push({ group, generation: this.#generation, member: this.#memberId, logs })
  }

  async #findPositions(coordinator: WireConnection): Promise<void> {
    const { group } = this.#options
    const { recorder } = this.#parts
    for (const share of this.#shares) {
      const begin = recorder.tick()
      const topics = [{ name: share.topic.name, partitionIndexes: [share.partition] }]
      const { groups } = await coordinator.exchange(
        apis[9],
        8,
        { groups: [{ groupId: group, topics }], requireStable: false },
        5000,
      )
      this.#expect(groups[0]!.errorCode)
      const { errorCode, committedOffset: offset } = groups[0]!.topics[0]!.partitions[0]!
      this.#expect(errorCode)
      recorder.history.commitReads.push({ begin, end: recorder.tick(), group, log: share.log, offset })
      share.offset = Math.max(0, offset)
    }
  }

  async #beat(coordinator: WireConnection): Promise<void> {
    const nowMs = this.#parts.host.clock.monotonicMs()
    if (nowMs < this.#heartbeatDueMs) return
    this.#heartbeatDueMs = nowMs + 500
    const request = { groupId: this.#options.group, generationId: this.#generation, memberId: this.#memberId }
    const { errorCode } = await coordinator.exchange(apis[12], 4, request, 5000)
    this.#expect(errorCode)
  }

  async #readOn(coordinator: WireConnection, share: Share & { log: string; offset: number }): Promise<void> {
    const { topic, partition, log, offset: from } = share
    const { recorder, name } = this.#parts
    const partitions = [{ partition, fetchOffset: from, partitionMaxBytes: this.#options.partitionBytesMax }]
    const begin = recorder.tick()
    const leader = await this.#session.leader(topic.id, partition)
    const request = { maxWaitMs: 10, minBytes: 1, isolationLevel: 0, topics: [{ topicId: topic.id, partitions }] }
    const answer = await leader.exchange(
      apis[1],
      13,
      { ...request, sessionId: 0, forgottenTopicsData: [], rackId: '' },
      5000,
    )
    const found = answer.responses[0]?.partitions[0]
    const error = nameOfError(found?.errorCode ?? answer.errorCode)
    if (error === 'NOT_LEADER_OR_FOLLOWER') this.#session.forgetLeaders()
    if (found === undefined || (error !== 'NONE' && error !== 'OFFSET_OUT_OF_RANGE')) return
    const next = recordPoll(recorder, found, { begin, from, log, consumer: `${name} in ${this.#options.group}` })
    share.offset = next ?? (await askOffset(this.#session, topic, partition, earliest)) ?? from
    if (share.offset !== from) await this.#commit(coordinator, share)
  }

  async #commit(coordinator: WireConnection, share: Share & { log: string; offset: number }): Promise<void> {
    const { group } = this.#options
    const { recorder } = this.#parts
    const { topic, partition, log, offset } = share
    const commit: Commit = { ...recorder.begin(), group, log, offset }
    recorder.history.commits.push(commit)
    const partitions = [{ partitionIndex: partition, committedOffset: offset, committedMetadata: null }]
    const request = {
      groupId: group,
      generationIdOrMemberEpoch: this.#generation,
      memberId: this.#memberId,
      topics: [{ name: topic.name, partitions }],
    }
    const answer = await coordinator.exchange(apis[8], 9, request, 5000)
    const { errorCode } = answer.topics[0]!.partitions[0]!
    const error = nameOfError(errorCode)
    recorder.end(commit, errorCode === 0 ? 'ok' : refusals.includes(error) ? 'failed' : 'unknown')
    this.#expect(errorCode)
  }

  async #leave(coordinator: WireConnection): Promise<void> {
    const request = { groupId: this.#options.group, members: [{ memberId: this.#memberId }] }
    await coordinator.exchange(apis[13], 5, request, 5000)
    this.#memberId = ''
    throw new Rejoin('left')
  }

  #expect(errorCode: number): void {
    if (errorCode === 0) return
    const error = nameOfError(errorCode)
    if (error === 'UNKNOWN_MEMBER_ID') this.#memberId = ''
    throw new Rejoin(error)
  }
}
