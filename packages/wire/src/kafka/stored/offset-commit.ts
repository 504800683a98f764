import type { Infer } from '../../schema/schema.ts'
import { int32, int64, message, string, uuid } from '../../schema/schema.ts'

/** Key of a committed position in `__consumer_offsets`. */
export const OffsetCommitKey = message(
  'OffsetCommitKey',
  { apiKey: 1, versions: [0, 0] },
  {
    group: string,
    topic: string,
    partition: int32,
  },
)
export type OffsetCommitKey = Infer<typeof OffsetCommitKey>

/** A committed position in `__consumer_offsets`. */
export const OffsetCommitValue = message(
  'OffsetCommitValue',
  { apiKey: 1, versions: [0, 4], flexible: 4 },
  {
    offset: int64,
    /** Epoch of the last consumed record, -1 if unknown. */
    leaderEpoch: int32.since(3).default(-1).ignorable(),
    metadata: string,
    commitTimestamp: int64,
    /** Only version 1 gave each position its own expiry; -1 for none. */
    expireTimestamp: int64.since(1).until(1).default(-1).ignorable(),
    topicId: uuid.tagged(0, 4).ignorable(),
  },
)
export type OffsetCommitValue = Infer<typeof OffsetCommitValue>
