import type { Infer } from '../schema/schema.ts'
import { array, int16, int32, message, string, struct } from '../schema/schema.ts'

/** Lists moves in progress; null asks for all partitions. */
export const ListPartitionReassignmentsRequest = message(
  'ListPartitionReassignmentsRequest',
  { apiKey: 46, versions: [0, 0], flexible: 0 },
  {
    timeoutMs: int32.default(60000),
    topics: array(
      struct({
        name: string,
        partitionIndexes: array(int32),
      }),
    )
      .nullable()
      .default(null),
  },
)
export type ListPartitionReassignmentsRequest = Infer<typeof ListPartitionReassignmentsRequest>

/** The moves in progress. */
export const ListPartitionReassignmentsResponse = message(
  'ListPartitionReassignmentsResponse',
  { apiKey: 46, versions: [0, 0], flexible: 0 },
  {
    throttleTimeMs: int32,
    errorCode: int16,
    errorMessage: string.nullable(),
    topics: array(
      struct({
        name: string,
        partitions: array(
          struct({
            partitionIndex: int32,
            /** Includes both those being added and those being removed. */
            replicas: array(int32),
            addingReplicas: array(int32),
            removingReplicas: array(int32),
          }),
        ),
      }),
    ),
  },
)
export type ListPartitionReassignmentsResponse = Infer<typeof ListPartitionReassignmentsResponse>
