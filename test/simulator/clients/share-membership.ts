import { apis } from '@polylog/wire'
import { logOf } from './catalogue.ts'
import type { KnownTopic } from './catalogue.ts'
import { findCoordinator } from './coordinator.ts'
import { nameOfError } from './session.ts'
import type { ClientParts, Session } from './session.ts'
import type { QueueTarget } from './share-session.ts'
import type { WireConnection } from './wire-connection.ts'

const heartbeatMs = 500
const timeoutMs = 5000

/** Thrown when the group has to be joined anew, or its coordinator to be found. */
export class NoMember extends Error {}

/** Being a member of a share group: heartbeats, and the partitions that they give. */
export class ShareMembership {
  readonly #session: Session
  readonly #parts: ClientParts
  readonly #group: string
  #coordinator: WireConnection | undefined
  #epoch = 0
  #dueMs = 0
  #targets: QueueTarget[] = []

  constructor(session: Session, group: string) {
    this.#session = session
    this.#parts = session.parts
    this.#group = group
  }

  get targets(): readonly QueueTarget[] {
    return this.#targets
  }

  get topics(): KnownTopic[] {
    return this.#parts.catalogue.topics.filter(({ lasting }) => lasting)
  }

  /**
   * Whether every log that is known is this member's, with others or alone. It may have more: a topic has grown although
   * the answer that said so was lost.
   */
  get hasAll(): boolean {
    const logs = new Set(this.#targets.map(({ log }) => log))
    const known = this.topics.flatMap(({ id, partitionCount }) =>
      Array.from({ length: partitionCount }, (_, partition) => logOf(id, partition)),
    )
    return known.every((log) => logs.has(log))
  }

  /** The coordinator that it last heard of. @throws NoAnswer, NoMember */
  async coordinator(): Promise<WireConnection> {
    if (this.#coordinator?.isUsable === true) return this.#coordinator
    const found = await findCoordinator(this.#session, this.#group)
    if (typeof found === 'number') throw new NoMember(nameOfError(found))
    this.#coordinator = found
    return found
  }

  /** Joins or says that it lives, if it is time to. @throws NoAnswer, NoMember */
  async beat(): Promise<void> {
    const nowMs = this.#parts.host.clock.monotonicMs()
    if (this.#epoch > 0 && nowMs < this.#dueMs) return
    this.#dueMs = nowMs + heartbeatMs
    const { errorCode, memberEpoch, assignment } = await this.#say(this.#epoch)
    this.#expect(errorCode)
    this.#epoch = memberEpoch
    if (assignment === null) return
    this.#targets = assignment.topicPartitions.flatMap(({ topicId, partitions }) => {
      const topic = this.topics.find(({ id }) => id === topicId)
      if (topic === undefined) throw new Error(`assigned ${topicId}, which nobody subscribed to`)
      return partitions.map((partition) => ({ topic, partition, log: logOf(topicId, partition) }))
    })
  }

  /** @throws NoAnswer, NoMember */
  async leave(): Promise<void> {
    if (this.#epoch === 0) return
    this.#epoch = 0
    const { errorCode } = await this.#say(-1)
    this.#expect(errorCode)
  }

  async #say(memberEpoch: number) {
    const coordinator = await this.coordinator()
    const subscribedTopicNames = memberEpoch === 0 ? this.topics.map(({ name }) => name) : null
    const request = { groupId: this.#group, memberId: this.#parts.name, memberEpoch, subscribedTopicNames }
    return coordinator.exchange(apis[76], 1, request, timeoutMs)
  }

  #expect(errorCode: number): void {
    if (errorCode === 0) return
    const error = nameOfError(errorCode)
    if (error === 'UNKNOWN_MEMBER_ID' || error === 'FENCED_MEMBER_EPOCH') this.#epoch = 0
    this.#coordinator = undefined
    throw new NoMember(error)
  }
}
