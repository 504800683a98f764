/** Rows about share groups as a whole; see broker-table.ts. */
import { whole } from './setting.ts'

export const shareTable = {
  shareStatePartitionCount: whole('int', {
    name: 'share.coordinator.state.topic.num.partitions',
    default: 50,
    min: 1,
    max: 10_000,
    unit: 'count',
    documentation: 'Partitions of __share_group_state; fixed when the first share group reads something.',
  }),
  shareStateSegmentBytes: whole('int', {
    name: 'share.coordinator.state.topic.segment.bytes',
    default: 100 * 1024 * 1024,
    min: 1024,
    max: 2147483647,
    unit: 'bytes',
    documentation: 'Segment size of __share_group_state.',
  }),
  shareGroupMemberCountMax: whole('int', {
    name: 'group.share.max.size',
    default: 200,
    min: 1,
    max: 10_000,
    unit: 'count',
    documentation: 'Most members of one share group.',
  }),
  shareSessionCountMax: whole('int', {
    name: 'group.share.max.share.sessions',
    default: 2000,
    min: 1,
    max: 1_000_000,
    unit: 'count',
    documentation: 'Most share sessions on this broker: one per member of a share group that reads here.',
  }),
}
