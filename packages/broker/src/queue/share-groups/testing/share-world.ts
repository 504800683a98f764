import { ManualClock, flush } from '../../../group/testing/manual-clock.ts'
import { MemoryGroupLog } from '../../../group/testing/memory-group-log.ts'
import { newPartition } from '../../../image/partition-state.ts'
import type { Topic } from '../../../topic/topics.ts'
import { BrokerError } from '../../../errors/errors.ts'
import type { ShareGroupLimits } from '../context.ts'
import type { ShareHeartbeat, ShareHeartbeatAnswer } from '../messages.ts'
import { ShareGroups } from '../share-groups.ts'

/** A UUID that is a topic's name, filled up. */
export function topicIdOf(name: string): string {
  return name.padEnd(22, 'A')
}

const topicNameOf = (id: string): string => id.replace(/A+$/, '')

const silent = { debug() {}, info() {}, warn() {}, error() {} }

/** Share groups with all that they stand on. */
export class ShareWorld {
  readonly clock = new ManualClock()
  readonly log = new MemoryGroupLog(2)
  /** Partitions by topic name. */
  readonly topics = new Map([
    ['a', 2],
    ['b', 1],
  ])
  /** Names of groups of another kind. */
  readonly taken = new Set<string>()
  readonly limits: Partial<ShareGroupLimits>
  groups: ShareGroups

  constructor(limits: Partial<ShareGroupLimits> = {}) {
    this.limits = limits
    this.groups = this.#make()
  }

  static async make(limits: Partial<ShareGroupLimits> = {}): Promise<ShareWorld> {
    const world = new ShareWorld(limits)
    await world.load()
    return world
  }

  async load(): Promise<void> {
    for (let partition = 0; partition < this.log.partitionCount; partition++) await this.groups.load(partition)
  }

  /** Another broker takes over; of the writes under way the first `keptCount` made it. */
  async failOver(keptCount = 0): Promise<void> {
    this.log.crash(keptCount)
    for (let partition = 0; partition < this.log.partitionCount; partition++) this.groups.unload(partition)
    this.log.held = false
    this.log.failure = null
    this.groups = this.#make()
    await this.load()
    await flush()
  }

  #make(): ShareGroups {
    const find = (name: string): Topic | undefined => {
      const count = this.topics.get(name)
      if (count === undefined) return undefined
      const partitions = Array.from({ length: count }, (_, index) => newPartition(index, [1], new Map()))
      const placement = { kind: 'default' as const }
      return { name, id: topicIdOf(name), internal: false, partitions, configs: new Map(), placement, modRevision: 1 }
    }
    return new ShareGroups({
      log: this.log,
      clock: this.clock,
      logger: silent,
      topics: { find, findById: (id) => find(topicNameOf(id)) },
      timesOf: () => ({ heartbeatIntervalMs: 5000, sessionTimeoutMs: 45_000 }),
      isTaken: (groupId) => this.taken.has(groupId),
      limits: this.limits,
    })
  }
}

/** A member that behaves as a client does. */
export class ShareMemberDouble {
  readonly world: ShareWorld
  readonly id: string
  groupId = 'g'
  epoch = 0
  topics: readonly string[]
  /** Partitions by topic name. */
  assignment: Record<string, readonly number[]> = {}

  constructor(world: ShareWorld, id: string, topics: readonly string[] = ['a']) {
    this.world = world
    this.id = id
    this.topics = topics
  }

  async beat(given: Partial<ShareHeartbeat> = {}): Promise<ShareHeartbeatAnswer> {
    const answer = await this.world.groups.heartbeat({
      groupId: this.groupId,
      memberId: this.id,
      memberEpoch: this.epoch,
      rackId: null,
      subscribedTopicNames: this.epoch === 0 ? this.topics : null,
      clientId: 'client',
      clientHost: 'host',
      ...given,
    })
    if (answer.error !== null) return answer
    this.epoch = answer.memberEpoch
    if (answer.assignment !== null) {
      this.assignment = Object.fromEntries(
        answer.assignment.map(({ topicId, partitions }) => [topicNameOf(topicId), partitions]),
      )
    }
    return answer
  }

  /** As `beat`, for a member that must not be refused. */
  async live(given: Partial<ShareHeartbeat> = {}): Promise<this> {
    const { error, detail } = await this.beat(given)
    if (error !== null) throw new BrokerError(error, detail ?? undefined)
    return this
  }

  leave(): Promise<ShareHeartbeatAnswer> {
    return this.beat({ memberEpoch: -1 })
  }
}
