import type { ErrorCode } from '../errors/errors.ts'
import { describeGroup, listGroups, undescribedGroup } from './admin.ts'
import { refusedJoin, refusedPartitions, refusedSync } from './answers.ts'
import { commitOffsets } from './commit.ts'
import { GroupContext } from './context.ts'
import type { GroupCoordinatorParts } from './context.ts'
import { deleteOffsets } from './delete-offsets.ts'
import { fetchOffsets } from './fetch-offsets.ts'
import type { Group } from './group.ts'
import { completeGroupConfig } from './group-config.ts'
import { heartbeat } from './heartbeat.ts'
import { join, joinFault } from './join.ts'
import { leave } from './leave.ts'
import { makeGroup } from './loading.ts'
import type {
  CommitAnswer,
  CommitRequest,
  DeletedGroup,
  DeleteOffsetsAnswer,
  DeleteOffsetsRequest,
  DescribedGroup,
  FetchOffsetsAnswer,
  FetchOffsetsRequest,
  HeartbeatRequest,
  JoinAnswer,
  JoinRequest,
  LeaveAnswer,
  LeaveRequest,
  ListAnswer,
  ListFilter,
  SyncAnswer,
  SyncRequest,
} from './messages.ts'
import { partitionOf } from './partition-of.ts'
import { removeGroup } from './removal.ts'
import type { Shard } from './shard.ts'
import { Shards } from './shards.ts'
import { sync } from './sync.ts'

/**
 * Coordinates the classic consumer groups whose partition of the group log this broker leads: membership, rebalances
 * and committed offsets. It does what Kafka's coordinator does, in the words of no protocol.
 *
 * Whatever a client can cause is a value in an answer; a promise rejects only when an invariant is broken. A group of
 * which this broker is not the coordinator is answered 'not-coordinator', and 'coordinator-loading' while its partition
 * is read. Joins and syncs stay open until their rebalance gets there, at most for the members' rebalance time-outs.
 *
 * ```ts
 * const coordinator = new GroupCoordinator({ log, clock, random, logger, topics })
 * await coordinator.load(coordinator.partitionFor('orders'))
 * const { memberId, generation } = await coordinator.join({ groupId: 'orders', memberId: '', … })
 * ```
 */
export class GroupCoordinator {
  readonly #context: GroupContext
  readonly #shards: Shards

  constructor(parts: GroupCoordinatorParts) {
    this.#context = new GroupContext(parts, completeGroupConfig(parts.config ?? {}))
    this.#shards = new Shards(this.#context)
  }

  /** The partition of the group log that a group lives in: Kafka's choice, so that logs can be moved over. */
  partitionFor(groupId: string): number {
    return partitionOf(groupId, this.#context.log.partitionCount)
  }

  /** Whether every partition that this broker leads has been loaded. */
  isReady(): boolean {
    return this.#shards.isReady()
  }

  /** Records that could not be read, in all loads so far. */
  get malformedRecordCount(): number {
    return this.#shards.malformedRecordCount
  }

  /** Whether there is such a group, as far as it is known here. */
  has(groupId: string): boolean {
    const shard = this.#shards.shardOf(groupId)
    return typeof shard !== 'string' && shard.groups.has(groupId)
  }

  /** Groups in memory. */
  get groupCount(): number {
    return this.#shards.groupCount
  }

  /**
   * Takes over the groups of a partition, after this broker has become its leader. A second call joins the first, so a
   * leadership that was lost in between must have been followed by `unload`.
   * Rejects with BrokerError if the partition cannot be read; then it may be tried again.
   */
  load(partition: number): Promise<void> {
    return this.#shards.load(partition)
  }

  /** Gives up the groups of a partition, after leadership was lost: parked requests are answered 'not-coordinator'. */
  unload(partition: number): void {
    this.#shards.unload(partition)
  }

  /** Drops what groups have committed for a topic. A failure is logged; the offsets then stay until they expire. */
  onTopicDeleted(topic: string): Promise<void> {
    return this.#shards.onTopicDeleted(topic)
  }

  /** Sends all clients elsewhere ('not-coordinator') and resolves when no write is under way. */
  stop(): Promise<void> {
    return this.#shards.stop()
  }

  /** Enters or re-enters a group. The answer may take as long as the rebalance. */
  join(request: JoinRequest): Promise<JoinAnswer> {
    const refuse = (error: ErrorCode): JoinAnswer => refusedJoin(error, request.memberId)
    if (request.groupId === '') return Promise.resolve(refuse('invalid-group-id'))
    const shard = this.#shards.shardOf(request.groupId)
    if (typeof shard === 'string') return Promise.resolve(refuse(shard))
    const error = joinFault(this.#context, request)
    if (error !== null) return Promise.resolve(refuse(error))
    let group = shard.groups.get(request.groupId)
    if (group === undefined && this.#context.isTaken(request.groupId)) {
      return Promise.resolve(refuse('inconsistent-protocol'))
    }
    if (group === undefined && request.memberId !== '') return Promise.resolve(refuse('unknown-member'))
    group ??= this.#makeGroup(shard, request.groupId)
    if (group === undefined) return Promise.resolve(refuse('limit-exceeded'))
    const joined = group
    return new Promise((resolve) => {
      join(this.#context, shard, joined, request, resolve)
      shard.dropIfTransient(joined)
    })
  }

  /** Brings or fetches the assignment of a generation. The answer may take until the leader has brought it. */
  sync(request: SyncRequest): Promise<SyncAnswer> {
    const group = this.#find(request.groupId)
    // The generation that the member comes from was lost with the former coordinator: it has to join anew anyway.
    if (group === 'coordinator-loading') return Promise.resolve(refusedSync('rebalance-in-progress'))
    if (typeof group === 'string') return Promise.resolve(refusedSync(group))
    if (group === undefined) return Promise.resolve(refusedSync('unknown-member'))
    return new Promise((resolve) => sync(this.#context, group.shard, group.group, request, resolve))
  }

  /** Null: all is well. */
  heartbeat(request: HeartbeatRequest): ErrorCode | null {
    const group = this.#find(request.groupId)
    // Who is alive is not known yet, and sessions start afresh when it is.
    if (group === 'coordinator-loading') return null
    if (typeof group === 'string') return group
    return group === undefined ? 'unknown-member' : heartbeat(this.#context, group.group, request)
  }

  leave({ groupId, members }: LeaveRequest): LeaveAnswer {
    const found = this.#find(groupId)
    if (typeof found === 'string') return { error: found, members: [] }
    if (found?.group.state === 'Dead') return { error: 'coordinator-not-available', members: [] }
    const answers = members.map((member) => ({
      memberId: member.memberId,
      instanceId: member.instanceId,
      error: found === undefined ? 'unknown-member' : leave(this.#context, found.shard, found.group, member),
    }))
    return { error: null, members: answers }
  }

  /**
   * Commits offsets. Partitions fail one by one with 'unknown-topic', 'offset-metadata-too-large' or 'limit-exceeded'.
   * A write that fails may still have happened: the client must not conclude that the old offset is in force.
   */
  async commitOffsets(request: CommitRequest): Promise<CommitAnswer> {
    const { groupId, generation, topics } = request
    const shard = this.#shards.shardOf(groupId)
    if (typeof shard === 'string') return refusedPartitions(shard, topics)
    let group = shard.groups.get(groupId)
    if (group === undefined) {
      // A generation of a group that is gone; without one, the consumer uses the group only to keep offsets.
      if (generation >= 0) return refusedPartitions('illegal-generation', topics)
      if (this.#context.isTaken(groupId)) return refusedPartitions('group-not-found', topics)
      group = this.#makeGroup(shard, groupId)
      if (group === undefined) return refusedPartitions('limit-exceeded', topics)
    }
    const answer = await commitOffsets(this.#context, shard, group, request)
    shard.dropIfTransient(group)
    return answer
  }

  /** Only what is durable. While the state is being read this is an error, never 'nothing committed'. */
  fetchOffsets(request: FetchOffsetsRequest): FetchOffsetsAnswer {
    const shard = this.#shards.shardOf(request.groupId)
    if (typeof shard === 'string') return { error: shard, topics: [] }
    return fetchOffsets(shard.groups.get(request.groupId), request)
  }

  async deleteOffsets(request: DeleteOffsetsRequest): Promise<DeleteOffsetsAnswer> {
    const shard = this.#shards.shardOf(request.groupId)
    if (typeof shard === 'string') return refusedPartitions(shard, request.topics)
    const group = shard.groups.get(request.groupId)
    if (group === undefined) return refusedPartitions('group-not-found', request.topics)
    return deleteOffsets(this.#context, shard, group, request)
  }

  /** In the order of the ids. */
  describe(groupIds: readonly string[]): DescribedGroup[] {
    return groupIds.map((groupId) => {
      const shard = this.#shards.shardOf(groupId)
      if (typeof shard === 'string') return undescribedGroup(groupId, shard)
      const group = shard.groups.get(groupId)
      return group === undefined ? undescribedGroup(groupId, 'group-not-found') : describeGroup(group)
    })
  }

  /** The groups that this broker coordinates. */
  list(filter: ListFilter = {}): ListAnswer {
    return { error: this.#shards.listFault(), groups: listGroups(this.#shards.groups(), filter) }
  }

  /** Deletes groups that have no members, with their offsets. In the order of the ids. */
  deleteGroups(groupIds: readonly string[]): Promise<DeletedGroup[]> {
    return Promise.all(groupIds.map(async (groupId) => ({ groupId, error: await this.#deleteGroup(groupId) })))
  }

  async #deleteGroup(groupId: string): Promise<ErrorCode | null> {
    const shard = this.#shards.shardOf(groupId)
    if (typeof shard === 'string') return shard
    const group = shard.groups.get(groupId)
    if (group === undefined || group.state === 'Dead') return 'group-not-found'
    return group.state === 'Empty' ? removeGroup(this.#context, shard, group) : 'group-not-empty'
  }

  /** The group if there is one, or why it cannot be looked up. */
  #find(groupId: string): { shard: Shard; group: Group } | undefined | ErrorCode {
    if (groupId === '') return 'invalid-group-id'
    const shard = this.#shards.shardOf(groupId)
    if (typeof shard === 'string') return shard
    const group = shard.groups.get(groupId)
    return group === undefined ? undefined : { shard, group }
  }

  #makeGroup(shard: Shard, groupId: string): Group | undefined {
    if (this.#shards.groupCount >= this.#context.config.groupsMax) return undefined
    return makeGroup(this.#context, shard, groupId)
  }
}
