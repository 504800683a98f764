import type { Infer } from '../schema/schema.ts'
import { array, bool, int16, int32, int64, message, string, struct } from '../schema/schema.ts'

/** Asks for log directories and partition sizes on one broker; null asks for all topics. */
export const DescribeLogDirsRequest = message(
  'DescribeLogDirsRequest',
  { apiKey: 35, versions: [1, 5], flexible: 2 },
  {
    topics: array(
      struct({
        topic: string,
        partitions: array(int32),
      }),
    ).nullable(),
  },
)
export type DescribeLogDirsRequest = Infer<typeof DescribeLogDirsRequest>

/** One entry per log directory. */
export const DescribeLogDirsResponse = message(
  'DescribeLogDirsResponse',
  { apiKey: 35, versions: [1, 5], flexible: 2 },
  {
    throttleTimeMs: int32,
    errorCode: int16.since(3).ignorable(),
    results: array(
      struct({
        errorCode: int16,
        logDir: string,
        topics: array(
          struct({
            name: string,
            partitions: array(
              struct({
                partitionIndex: int32,
                /** Bytes of all segments. */
                partitionSize: int64,
                /** Offsets that the log is behind the high watermark, or a future log behind the current one. */
                offsetLag: int64,
                /** A copy being moved here from another directory. */
                isFutureKey: bool,
              }),
            ),
          }),
        ),
        /** Size of the volume, -1 if unknown (KIP-827). */
        totalBytes: int64.since(4).default(-1).ignorable(),
        usableBytes: int64.since(4).default(-1).ignorable(),
        /** The directory takes no new partitions (KIP-1066). */
        isCordoned: bool.since(5).ignorable(),
      }),
    ),
  },
)
export type DescribeLogDirsResponse = Infer<typeof DescribeLogDirsResponse>
