import type { Infer } from '../schema/schema.ts'
import { array, int16, int32, int8, message, string, struct } from '../schema/schema.ts'

/** Elects leaders: the preferred replica, or any live one. Null asks for all partitions. */
export const ElectLeadersRequest = message(
  'ElectLeadersRequest',
  { apiKey: 43, versions: [0, 2], flexible: 2 },
  {
    /** 0 preferred replica, 1 unclean. */
    electionType: int8.since(1),
    topicPartitions: array(
      struct({
        topic: string,
        partitions: array(int32),
      }),
    ).nullable(),
    timeoutMs: int32.default(60000),
  },
)
export type ElectLeadersRequest = Infer<typeof ElectLeadersRequest>

/** One result per partition. */
export const ElectLeadersResponse = message(
  'ElectLeadersResponse',
  { apiKey: 43, versions: [0, 2], flexible: 2 },
  {
    throttleTimeMs: int32,
    errorCode: int16.since(1),
    replicaElectionResults: array(
      struct({
        topic: string,
        partitionResult: array(
          struct({
            partitionId: int32,
            errorCode: int16,
            errorMessage: string.nullable(),
          }),
        ),
      }),
    ),
  },
)
export type ElectLeadersResponse = Infer<typeof ElectLeadersResponse>
