import type { Infer } from '../schema/schema.ts'
import { array, bool, int16, int32, message, string, struct } from '../schema/schema.ts'

/** Moves partitions to other replicas, or cancels such a move (KIP-455). */
export const AlterPartitionReassignmentsRequest = message(
  'AlterPartitionReassignmentsRequest',
  { apiKey: 45, versions: [0, 1], flexible: 0 },
  {
    timeoutMs: int32.default(60000),
    /** False refuses a move to a different number of replicas (KIP-860). */
    allowReplicationFactorChange: bool.since(1).default(true),
    topics: array(
      struct({
        name: string,
        partitions: array(
          struct({
            partitionIndex: int32,
            /** Null cancels a move in progress. */
            replicas: array(int32).nullable().default(null),
          }),
        ),
      }),
    ),
  },
)
export type AlterPartitionReassignmentsRequest = Infer<typeof AlterPartitionReassignmentsRequest>

/** Whether each move was accepted; it then runs in the background. */
export const AlterPartitionReassignmentsResponse = message(
  'AlterPartitionReassignmentsResponse',
  { apiKey: 45, versions: [0, 1], flexible: 0 },
  {
    throttleTimeMs: int32,
    allowReplicationFactorChange: bool.since(1).default(true).ignorable(),
    errorCode: int16,
    errorMessage: string.nullable(),
    responses: array(
      struct({
        name: string,
        partitions: array(
          struct({
            partitionIndex: int32,
            errorCode: int16,
            errorMessage: string.nullable(),
          }),
        ),
      }),
    ),
  },
)
export type AlterPartitionReassignmentsResponse = Infer<typeof AlterPartitionReassignmentsResponse>
