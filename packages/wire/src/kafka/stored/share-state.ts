import type { Infer } from '../../schema/schema.ts'
import { array, int32, int64, message, string, uuid } from '../../schema/schema.ts'
import { stateBatch } from '../share-state-batch.ts'

/** Key of the whole state of a share partition in `__share_group_state`. */
export const ShareSnapshotKey = message(
  'ShareSnapshotKey',
  { apiKey: 0, versions: [0, 0] },
  {
    groupId: string,
    topicId: uuid,
    partition: int32,
  },
)
export type ShareSnapshotKey = Infer<typeof ShareSnapshotKey>

/** The whole state of a share partition. */
export const ShareSnapshotValue = message(
  'ShareSnapshotValue',
  { apiKey: 0, versions: [0, 0], flexible: 0 },
  {
    snapshotEpoch: int32,
    stateEpoch: int32,
    leaderEpoch: int32,
    startOffset: int64,
    /** Offsets from the start offset on whose delivery is over; -1 if unknown. */
    deliveryCompleteCount: int32.tagged(0, 0).default(-1),
    createTimestamp: int64,
    writeTimestamp: int64,
    stateBatches: array(stateBatch),
  },
)
export type ShareSnapshotValue = Infer<typeof ShareSnapshotValue>

/** Key of what has changed of a share partition since its snapshot. */
export const ShareUpdateKey = message(
  'ShareUpdateKey',
  { apiKey: 1, versions: [0, 0] },
  {
    groupId: string,
    topicId: uuid,
    partition: int32,
  },
)
export type ShareUpdateKey = Infer<typeof ShareUpdateKey>

/** What has changed of a share partition since the snapshot of the same epoch. */
export const ShareUpdateValue = message(
  'ShareUpdateValue',
  { apiKey: 1, versions: [0, 0], flexible: 0 },
  {
    snapshotEpoch: int32,
    leaderEpoch: int32,
    /** -1: not changed. */
    startOffset: int64,
    deliveryCompleteCount: int32.tagged(0, 0).default(-1),
    stateBatches: array(stateBatch),
  },
)
export type ShareUpdateValue = Infer<typeof ShareUpdateValue>
