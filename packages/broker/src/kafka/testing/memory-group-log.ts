import type { Clock } from '../../host/clock.ts'
import type { GroupLog, GroupRecord } from '../../group/group-log.ts'

/** Keeps the group coordinator's records in memory. */
export class MemoryGroupLog implements GroupLog {
  readonly partitionCount = 4
  private readonly clock: Clock
  private readonly records = new Map<number, GroupRecord[]>()

  constructor(clock: Clock) {
    this.clock = clock
  }

  leads(_partition: number): boolean {
    return true
  }

  async replay(
    partition: number,
    visit: (key: Uint8Array, value: Uint8Array | null, timestampMs: number) => void,
  ): Promise<void> {
    for (const { key, value } of this.records.get(partition) ?? []) visit(key, value, this.clock.nowMs())
  }

  append(partition: number, records: readonly GroupRecord[]): Promise<void> {
    this.records.set(partition, [...(this.records.get(partition) ?? []), ...records])
    return new Promise((resolve) => this.clock.endOfTurn(resolve))
  }
}
