import type { Assignment } from './assignor.ts'
import { assignPartitions } from './assignor.ts'
import type { GroupAlarm } from '../../group/group-alarm.ts'
import type { GroupTopic, ShareGroupState } from './messages.ts'

const nothing: Assignment = new Map()

/** A member as its group keeps it. */
export class ShareMember {
  readonly id: string
  rackId: string | null = null
  clientId = ''
  clientHost = ''
  /** Sorted, each once. */
  subscribedTopicNames: readonly string[] = []
  /** Group epoch up to which the member knows its assignment. */
  epoch = 0
  /** The one before: an answer may have been lost on its way. */
  previousEpoch = 0
  /** What the member was told last. */
  assignment: Assignment = nothing
  /** Read from the log: which epoch the former coordinator told it is not known until it is heard of. */
  isLoaded = false
  /** Monotonic time at which the member is given up unless it is heard of. */
  deadlineMs = Number.POSITIVE_INFINITY

  constructor(id: string) {
    this.id = id
  }
}

/** A topic that members subscribe to, as the assignment was made for it. */
interface SeenTopic {
  readonly id: string
  readonly partitionCount: number
}

/** Looks up what the cluster has; undefined for a topic that does not exist. */
export type TopicLookup = (name: string) => SeenTopic | undefined

/** One share group: who is in it and what it shall read. It knows no clock and no log. */
export class ShareGroup {
  readonly id: string
  readonly alarm: GroupAlarm
  readonly members = new Map<string, ShareMember>()
  /** By id: topics for whose partitions there is, or may be, state in the queue store. */
  readonly topics = new Map<string, GroupTopic>()
  /** Counts the changes of members, their subscriptions and the topics. */
  epoch = 0
  /** A write has failed: what the log has of the group may be older than what is here. */
  isStale = false
  /** It is being deleted. */
  isDead = false
  #seen = new Map<string, SeenTopic>()
  #target: ReadonlyMap<string, Assignment> = new Map()

  constructor(id: string, alarm: GroupAlarm) {
    this.id = id
    this.alarm = alarm
  }

  get state(): ShareGroupState {
    if (this.isDead) return 'Dead'
    return this.members.size === 0 ? 'Empty' : 'Stable'
  }

  targetOf(member: ShareMember): Assignment {
    return this.#target.get(member.id) ?? nothing
  }

  /** Whether topics that members subscribe to have come, gone or grown since the assignment was made. */
  hasNewTopics(lookup: TopicLookup): boolean {
    for (const name of this.#subscribedNames()) {
      const now = lookup(name)
      const seen = this.#seen.get(name)
      if (now?.id !== seen?.id || now?.partitionCount !== seen?.partitionCount) return true
    }
    return false
  }

  /** Makes the assignment anew; returns whether the group has got topics or partitions that it never had. */
  assign(lookup: TopicLookup): boolean {
    this.#seen = new Map()
    for (const name of this.#subscribedNames()) {
      const topic = lookup(name)
      if (topic !== undefined) this.#seen.set(name, topic)
    }
    const subscriptions = new Map<string, string[]>()
    for (const member of this.members.values()) {
      subscriptions.set(
        member.id,
        member.subscribedTopicNames.flatMap((name) => this.#seen.get(name)?.id ?? []),
      )
    }
    const partitionCounts = new Map(Array.from(this.#seen.values(), ({ id, partitionCount }) => [id, partitionCount]))
    this.#target = assignPartitions({ subscriptions, partitionCounts, present: this.#target })
    let hasGrown = false
    for (const [name, { id, partitionCount }] of this.#seen) {
      if (this.noteTopic({ topicId: id, topicName: name, partitionCount })) hasGrown = true
    }
    return hasGrown
  }

  /** Takes note of a topic that there may be state of; returns whether that is new. */
  noteTopic(topic: GroupTopic): boolean {
    const before = this.topics.get(topic.topicId)
    if (before !== undefined && before.partitionCount >= topic.partitionCount) return false
    this.topics.set(topic.topicId, topic)
    return true
  }

  #subscribedNames(): ReadonlySet<string> {
    const names = new Set<string>()
    for (const member of this.members.values()) for (const name of member.subscribedTopicNames) names.add(name)
    return names
  }
}
