import type { Infer } from '../schema/schema.ts'
import { array, int16, int32, int64, int8, message, string, struct } from '../schema/schema.ts'

/** Finds offsets by timestamp, and the two ends of a log. */
export const ListOffsetsRequest = message(
  'ListOffsetsRequest',
  { apiKey: 2, versions: [1, 11], flexible: 6 },
  {
    /** Broker id of a follower, -1 for a consumer. */
    replicaId: int32,
    /** 1 answers "latest" with the last stable offset instead of the high watermark. */
    isolationLevel: int8.since(2),
    topics: array(
      struct({
        name: string,
        partitions: array(
          struct({
            partitionIndex: int32,
            currentLeaderEpoch: int32.since(4).default(-1).ignorable(),
            /**
             * Milliseconds, or -1 latest, -2 earliest, -3 maximum timestamp, -4 earliest local, -5 latest tiered,
             * -6 earliest pending upload.
             */
            timestamp: int64,
          }),
        ),
      }),
    ),
    /** Bound on looking into remote storage. */
    timeoutMs: int32.since(10).ignorable(),
  },
)
export type ListOffsetsRequest = Infer<typeof ListOffsetsRequest>

/** One offset per partition; -1 for offset and timestamp where nothing matches. */
export const ListOffsetsResponse = message(
  'ListOffsetsResponse',
  { apiKey: 2, versions: [1, 11], flexible: 6 },
  {
    throttleTimeMs: int32.since(2).ignorable(),
    topics: array(
      struct({
        name: string,
        partitions: array(
          struct({
            partitionIndex: int32,
            errorCode: int16,
            /** Timestamp of the record found. */
            timestamp: int64.default(-1),
            offset: int64.default(-1),
            leaderEpoch: int32.since(4).default(-1),
          }),
        ),
      }),
    ),
  },
)
export type ListOffsetsResponse = Infer<typeof ListOffsetsResponse>
