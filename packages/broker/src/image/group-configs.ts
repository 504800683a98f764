/** What was set for a group. Immutable: a change makes a new object. */
export interface GroupConfigs {
  readonly groupId: string
  /** Names and values as Kafka writes them. */
  readonly configs: ReadonlyMap<string, string>
  readonly modRevision: number
}

interface GroupRecord {
  configs: Record<string, string>
}

export function encodeGroup(configs: ReadonlyMap<string, string>): string {
  const record: GroupRecord = { configs: Object.fromEntries(configs) }
  return JSON.stringify(record)
}

export function decodeGroup(groupId: string, value: string, modRevision: number): GroupConfigs {
  const { configs } = JSON.parse(value) as GroupRecord
  return { groupId, configs: new Map(Object.entries(configs)), modRevision }
}
