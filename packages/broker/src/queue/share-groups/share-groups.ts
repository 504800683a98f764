import type { ErrorCode } from '../../errors/errors.ts'
import { assert, BrokerError } from '../../errors/errors.ts'
import { writeFailure } from '../../group/context.ts'
import { partitionOf } from '../../group/partition-of.ts'
import { storedStringBytesMax } from '../../group/stored-records.ts'
import { ShareContext } from './context.ts'
import type { ShareGroupsParts } from './context.ts'
import { describeShareGroup, isListed, undescribedShareGroup } from './describe.ts'
import { beat, formFault, leave, leaving, refusal } from './heartbeat.ts'
import { StoredShareGroups } from './loading.ts'
import type {
  DescribedShareGroup,
  GroupTopic,
  ListedShareGroup,
  ShareGroupFilter,
  ShareHeartbeat,
  ShareHeartbeatAnswer,
} from './messages.ts'
import { ShareShard } from './shard.ts'
import type { ShareGroup } from './share-group.ts'

interface Loading {
  readonly promise: Promise<void>
  /** Leadership was lost meanwhile: what is read is not wanted any more. */
  abandoned: boolean
}

interface Found {
  readonly shard: ShareShard
  readonly group: ShareGroup
}

/**
 * Coordinates the share groups whose partition of the group log this broker leads (KIP-932): who is in them and which
 * partitions each member reads. What became of the messages is not looked at here (`QueueManager`).
 *
 * Whatever a client can cause is a value in an answer. A group of which this broker is not the coordinator is answered
 * 'not-coordinator', and 'coordinator-loading' while its partition is read. Answers come when the group log has what
 * they tell of, so that the next coordinator knows every member that was let in.
 */
export class ShareGroups {
  readonly #context: ShareContext
  readonly #active = new Map<number, ShareShard>()
  readonly #loading = new Map<number, Loading>()
  #isStopped = false

  constructor(parts: ShareGroupsParts) {
    this.#context = new ShareContext(parts)
  }

  /** Groups in memory. */
  get groupCount(): number {
    let count = 0
    for (const shard of this.#active.values()) count += shard.groups.size
    return count
  }

  /** Whether there is such a share group, as far as it is known here. */
  has(groupId: string): boolean {
    return typeof this.#find(groupId) !== 'string'
  }

  /**
   * Takes over the groups of a partition, after this broker has become its leader. A second call joins the first.
   * Rejects with BrokerError if the partition cannot be read; then it may be tried again.
   */
  load(partition: number): Promise<void> {
    const { log } = this.#context
    assert(partition >= 0 && partition < log.partitionCount, 'a partition of the group log')
    if (this.#isStopped) return Promise.reject(new BrokerError('stopping'))
    if (this.#active.has(partition)) return Promise.resolve()
    const running = this.#loading.get(partition)
    if (running !== undefined) return running.promise
    const stored = new StoredShareGroups()
    const loading: Loading = {
      abandoned: false,
      promise: log
        .replay(partition, (key, value) => {
          if (!loading.abandoned) stored.visit(key, value)
        })
        .then(() => this.#loaded(partition, loading, stored))
        .finally(() => {
          if (this.#loading.get(partition) === loading) this.#loading.delete(partition)
        }),
    }
    this.#loading.set(partition, loading)
    return loading.promise
  }

  /** Gives up the groups of a partition, after leadership was lost. */
  unload(partition: number): void {
    const loading = this.#loading.get(partition)
    if (loading !== undefined) loading.abandoned = true
    this.#loading.delete(partition)
    this.#active.get(partition)?.close()
    this.#active.delete(partition)
  }

  /** Sends all clients elsewhere ('not-coordinator') and resolves when no write is under way. */
  async stop(): Promise<void> {
    this.#isStopped = true
    for (const partition of [...this.#loading.keys(), ...this.#active.keys()]) this.unload(partition)
    await this.#context.settle()
  }

  async heartbeat(request: ShareHeartbeat): Promise<ShareHeartbeatAnswer> {
    const fault = formFault(request, this.#context)
    if (fault !== null) return refusal(fault)
    const { groupId, memberId, memberEpoch } = request
    const shard = this.#shardOf(groupId)
    if (typeof shard === 'string') return refusal({ error: shard, detail: `Group ${groupId} is not served here now.` })
    const group = shard.groups.get(groupId) ?? (memberEpoch === 0 ? this.#make(shard, groupId) : 'group-not-found')
    if (group === 'limit-exceeded') return refusal({ error: group, detail: 'There are too many share groups.' })
    if (group === 'group-not-found') return refusal({ error: group, detail: `Group ${groupId} is not a share group.` })
    if (group.isDead)
      return refusal({ error: 'coordinator-not-available', detail: `Group ${groupId} is being deleted.` })
    return memberEpoch === leaving
      ? leave(this.#context, shard, group, memberId)
      : beat(this.#context, shard, group, request)
  }

  /** In the order of the ids. */
  describe(groupIds: readonly string[]): DescribedShareGroup[] {
    return groupIds.map((groupId) => {
      const found = this.#find(groupId)
      if (typeof found === 'string') return undescribedShareGroup(groupId, found)
      return describeShareGroup(this.#context, found.group)
    })
  }

  /** The groups that this broker coordinates. */
  list(filter: ShareGroupFilter = {}): ListedShareGroup[] {
    const groups = Array.from(this.#active.values(), (shard) => [...shard.groups.values()]).flat()
    return groups.filter((group) => isListed(group, filter)).map(({ id, state }) => ({ groupId: id, state }))
  }

  /** Topics whose partitions the group has, or may have, progress in; or why that cannot be told. */
  topicsOf(groupId: string): readonly GroupTopic[] | ErrorCode {
    const found = this.#find(groupId)
    return typeof found === 'string' ? found : [...found.group.topics.values()]
  }

  /** Why the progress of the group may not be changed from outside; null if it may. */
  changeFault(groupId: string): ErrorCode | null {
    const found = this.#find(groupId)
    if (typeof found === 'string') return found
    return found.group.members.size > 0 ? 'group-not-empty' : null
  }

  /** Makes a group without members, unless there is one: its progress can then be set before anybody joins. */
  async ensure(groupId: string): Promise<ErrorCode | null> {
    const shard = this.#shardOf(groupId)
    if (typeof shard === 'string') return shard
    if (shard.groups.has(groupId)) return null
    if (groupId === '' || Buffer.byteLength(groupId) > storedStringBytesMax) return 'invalid-group-id'
    const group = this.#make(shard, groupId)
    if (typeof group === 'string') return group
    const error = await this.#context.append(shard.partition, group, [this.#context.records.group(group)])
    return error === null ? null : writeFailure(error)
  }

  /**
   * Takes note that there may be progress of a group in topics. Resolves with null once that is stored, else with the
   * reason why not; to be done before the progress is.
   */
  async noteTopics(groupId: string, topics: readonly GroupTopic[]): Promise<ErrorCode | null> {
    const found = this.#find(groupId)
    if (typeof found === 'string') return found
    const news = topics.filter((topic) => found.group.noteTopic(topic))
    return news.length === 0 ? null : this.#storeTopics(found)
  }

  /** Forgets topics, after the progress in them has been. */
  async forgetTopics(groupId: string, topicIds: readonly string[]): Promise<ErrorCode | null> {
    const found = this.#find(groupId)
    if (typeof found === 'string') return found
    const gone = topicIds.filter((topicId) => found.group.topics.delete(topicId))
    return gone.length === 0 ? null : this.#storeTopics(found)
  }

  /**
   * Deletes a group without members. `work` is done on its topics while it can be joined by nobody; if that rejects with
   * BrokerError, the group stays. @returns why the group was not deleted, or null
   */
  async delete(groupId: string, work: (topics: readonly GroupTopic[]) => Promise<void>): Promise<ErrorCode | null> {
    const fault = this.changeFault(groupId)
    if (fault !== null) return fault
    const found = this.#find(groupId)
    if (typeof found === 'string') return found
    const { shard, group } = found
    group.isDead = true
    try {
      await work([...group.topics.values()])
      const { records } = this.#context
      const error = await this.#context.append(shard.partition, group, records.groupTombstones(groupId))
      if (error !== null) return writeFailure(error)
      shard.groups.delete(groupId)
      return null
    } catch (error) {
      if (error instanceof BrokerError) return error.code
      throw error
    } finally {
      group.isDead = shard.groups.get(groupId) !== group
    }
  }

  async #storeTopics({ shard, group }: Found): Promise<ErrorCode | null> {
    const error = await this.#context.append(shard.partition, group, [this.#context.topicsRecord(group)])
    return error === null ? null : writeFailure(error)
  }

  #loaded(partition: number, loading: Loading, stored: StoredShareGroups): void {
    if (loading.abandoned) return
    const shard = new ShareShard(this.#context, partition)
    stored.revive(this.#context, shard)
    this.#active.set(partition, shard)
    const { malformedCount } = stored
    const level = malformedCount > 0 ? 'warn' : shard.groups.size > 0 ? 'info' : 'debug'
    const fields = { partition, groupCount: shard.groups.size, malformedRecordCount: malformedCount }
    this.#context.logger[level]('share groups loaded', fields)
  }

  #make(shard: ShareShard, groupId: string): ShareGroup | 'group-not-found' | 'limit-exceeded' {
    if (this.#context.isTaken(groupId)) return 'group-not-found'
    if (this.groupCount >= this.#context.limits.groupCountMax) return 'limit-exceeded'
    return shard.make(groupId)
  }

  #shardOf(groupId: string): ShareShard | ErrorCode {
    const { log } = this.#context
    const partition = partitionOf(groupId, log.partitionCount)
    if (this.#isStopped || !log.leads(partition)) return 'not-coordinator'
    return this.#active.get(partition) ?? 'coordinator-loading'
  }

  #find(groupId: string): Found | ErrorCode {
    const shard = this.#shardOf(groupId)
    if (typeof shard === 'string') return shard
    const group = shard.groups.get(groupId)
    return group === undefined || group.isDead ? 'group-not-found' : { shard, group }
  }
}
