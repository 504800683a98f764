import type { Group } from './group.ts'

/** The groups of one partition of the group log, while this broker coordinates them. */
export class Shard {
  readonly partition: number
  readonly groups = new Map<string, Group>()

  constructor(partition: number) {
    this.partition = partition
  }

  /** Forgets a group that never came to anything. */
  dropIfTransient(group: Group): void {
    if (!group.transient || this.groups.get(group.id) !== group) return
    group.alarm.cancel()
    this.groups.delete(group.id)
  }
}
