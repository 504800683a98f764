import { GroupAlarm } from '../../group/group-alarm.ts'
import type { GroupRecord } from '../../group/group-log.ts'
import type { ShareContext } from './context.ts'
import { ShareGroup } from './share-group.ts'
import type { ShareMember } from './share-group.ts'

/** The share groups of one partition of the group log, while this broker coordinates them. */
export class ShareShard {
  readonly partition: number
  readonly groups = new Map<string, ShareGroup>()
  readonly #context: ShareContext

  constructor(context: ShareContext, partition: number) {
    this.#context = context
    this.partition = partition
  }

  make(groupId: string): ShareGroup {
    const alarm = new GroupAlarm(this.#context.clock, () => this.#expire(group))
    const group: ShareGroup = new ShareGroup(groupId, alarm)
    this.groups.set(groupId, group)
    return group
  }

  /** The member has been heard of. */
  touch(group: ShareGroup, member: ShareMember): void {
    const { clock, timesOf } = this.#context
    member.deadlineMs = clock.monotonicMs() + timesOf(group.id).sessionTimeoutMs
    group.alarm.atLatest(member.deadlineMs)
  }

  /** Takes members out; returns what has to be written for it. */
  remove(group: ShareGroup, members: readonly ShareMember[]): GroupRecord[] {
    const { records, lookup } = this.#context
    for (const { id } of members) group.members.delete(id)
    group.epoch++
    const hasNewTopics = group.assign(lookup)
    return [
      ...members.map(({ id }) => records.memberTombstone(group.id, id)),
      records.group(group),
      ...(hasNewTopics ? [this.#context.topicsRecord(group)] : []),
    ]
  }

  close(): void {
    for (const group of this.groups.values()) group.alarm.cancel()
  }

  /** Those that were not heard of in time are gone. */
  #expire(group: ShareGroup): void {
    const { clock, logger } = this.#context
    const nowMs = clock.monotonicMs()
    const expired: ShareMember[] = []
    for (const member of group.members.values()) {
      if (member.deadlineMs <= nowMs) expired.push(member)
      else group.alarm.atLatest(member.deadlineMs)
    }
    if (expired.length === 0) return
    const memberIds = expired.map(({ id }) => id)
    logger.info('share group members not heard of any more', { groupId: group.id, memberIds: memberIds.join(' ') })
    // Nobody waits for this. If it cannot be stored, the next coordinator loads the members and gives them up again.
    void this.#context.append(this.partition, group, this.remove(group, expired))
  }
}
