import type { ErrorCode } from '../errors/errors.ts'
import { assert, BrokerError } from '../errors/errors.ts'
import type { Timer } from '../host/clock.ts'
import { refusedJoin, refusedSync } from './answers.ts'
import type { GroupContext } from './context.ts'
import { expireOffsets } from './expiry.ts'
import type { Group } from './group.ts'
import { shrinkLoaded } from './join.ts'
import { revive, StoredState } from './loading.ts'
import { partitionOf } from './partition-of.ts'
import { removeOffsets } from './removal.ts'
import { Shard } from './shard.ts'

interface Loading {
  promise: Promise<void>
  /** Leadership was lost meanwhile: what is read is not wanted any more. */
  abandoned: boolean
  topicsDeleted: Set<string>
}

/** The partitions of the group log that this broker coordinates, from load to unload. */
export class Shards {
  readonly #context: GroupContext
  readonly #active = new Map<number, Shard>()
  readonly #loading = new Map<number, Loading>()
  #expiryTimer: Timer | null = null
  #stopped = false
  #malformedRecordCount = 0

  constructor(context: GroupContext) {
    this.#context = context
    this.#scheduleExpiry()
  }

  get malformedRecordCount(): number {
    return this.#malformedRecordCount
  }

  get groupCount(): number {
    let count = 0
    for (const shard of this.#active.values()) count += shard.groups.size
    return count
  }

  isReady(): boolean {
    return !this.#stopped && this.#allLoaded()
  }

  /** The shard of a group, or why this broker cannot speak for it. */
  shardOf(groupId: string): Shard | ErrorCode {
    const { log } = this.#context
    const partition = partitionOf(groupId, log.partitionCount)
    if (this.#stopped || !log.leads(partition)) return 'not-coordinator'
    return this.#active.get(partition) ?? 'coordinator-loading'
  }

  *groups(): Generator<Group> {
    for (const shard of this.#active.values()) yield* shard.groups.values()
  }

  /** What a list of all groups lacks. */
  listFault(): ErrorCode | null {
    if (this.#stopped) return 'not-coordinator'
    return this.#allLoaded() ? null : 'coordinator-loading'
  }

  load(partition: number): Promise<void> {
    assert(partition >= 0 && partition < this.#context.log.partitionCount, 'a partition of the group log')
    if (this.#stopped) return Promise.reject(new BrokerError('stopping'))
    if (this.#active.has(partition)) return Promise.resolve()
    const running = this.#loading.get(partition)
    if (running !== undefined) return running.promise
    const loading: Loading = { promise: Promise.resolve(), abandoned: false, topicsDeleted: new Set() }
    this.#loading.set(partition, loading)
    loading.promise = this.#read(partition, loading)
    return loading.promise
  }

  unload(partition: number): void {
    const loading = this.#loading.get(partition)
    if (loading !== undefined) loading.abandoned = true
    this.#loading.delete(partition)
    const shard = this.#active.get(partition)
    if (shard === undefined) return
    this.#active.delete(partition)
    for (const group of shard.groups.values()) close(this.#context, group)
    const level = shard.groups.size > 0 ? 'info' : 'debug'
    this.#context.logger[level]('group partition unloaded', { partition, groupCount: shard.groups.size })
  }

  async onTopicDeleted(topic: string): Promise<void> {
    for (const loading of this.#loading.values()) loading.topicsDeleted.add(topic)
    await Promise.all(Array.from(this.#active.values(), (shard) => this.#dropTopic(shard, topic)))
  }

  async stop(): Promise<void> {
    this.#stopped = true
    this.#expiryTimer?.cancel()
    for (const partition of [...this.#loading.keys(), ...this.#active.keys()]) this.unload(partition)
    await this.#context.settle()
  }

  #allLoaded(): boolean {
    const { log } = this.#context
    for (let partition = 0; partition < log.partitionCount; partition++) {
      if (log.leads(partition) && !this.#active.has(partition)) return false
    }
    return true
  }

  async #read(partition: number, loading: Loading): Promise<void> {
    const context = this.#context
    const startMs = context.clock.monotonicMs()
    const stored = new StoredState()
    try {
      await context.log.replay(partition, (key, value) => {
        if (!loading.abandoned) stored.visit(context, partition, key, value)
      })
    } finally {
      if (this.#loading.get(partition) === loading) this.#loading.delete(partition)
    }
    if (loading.abandoned) return
    const shard = new Shard(partition)
    revive(context, shard, stored)
    this.#active.set(partition, shard)
    for (const group of shard.groups.values()) shrinkLoaded(context, shard, group)
    this.#malformedRecordCount += stored.malformedCount
    // Most of the partitions of a small broker hold nothing, and a start should not say so fifty times.
    const level = stored.malformedCount > 0 ? 'warn' : shard.groups.size > 0 ? 'info' : 'debug'
    context.logger[level]('group partition loaded', {
      partition,
      groupCount: shard.groups.size,
      malformedRecordCount: stored.malformedCount,
      otherRecordCount: stored.otherCount,
      elapsedMs: Math.round(context.clock.monotonicMs() - startMs),
    })
    for (const topic of loading.topicsDeleted) void this.#dropTopic(shard, topic)
  }

  async #dropTopic(shard: Shard, topic: string): Promise<void> {
    const removals = Array.from(shard.groups.values(), async (group) => {
      await removeOffsets(this.#context, shard, group, group.offsets.partitions(topic))
      shard.dropIfTransient(group)
    })
    await Promise.all(removals)
  }

  #scheduleExpiry(): void {
    const { clock, config } = this.#context
    this.#expiryTimer = clock.startTimer(config.offsetsRetentionCheckIntervalMs, () => void this.#expire())
  }

  async #expire(): Promise<void> {
    await Promise.all(Array.from(this.#active.values(), (shard) => expireOffsets(this.#context, shard)))
    if (!this.#stopped) this.#scheduleExpiry()
  }
}

/** Sends whoever waits to the new coordinator. Writes under way find the group Dead and leave it alone. */
function close(context: GroupContext, group: Group): void {
  group.alarm.cancel()
  for (const member of group.members()) {
    group.answerJoin(member, refusedJoin('not-coordinator', member.id))
    group.answerSync(member, refusedSync('not-coordinator'))
  }
  if (group.state !== 'Dead') group.enter('Dead', context.clock.nowMs())
}
