import type { Infer } from '../schema/schema.ts'
import { array, int16, int32, int8, message, string, struct } from '../schema/schema.ts'

/** Finds the broker that keeps a group, a transactional id or a share partition; several at once from version 4 on. */
export const FindCoordinatorRequest = message(
  'FindCoordinatorRequest',
  { apiKey: 10, versions: [0, 6], flexible: 3 },
  {
    key: string.until(3),
    /** 0 group, 1 transactional id, 2 share partition (`groupId:topicId:partition`). */
    keyType: int8.since(1),
    coordinatorKeys: array(string).since(4),
  },
)
export type FindCoordinatorRequest = Infer<typeof FindCoordinatorRequest>

/** The broker to talk to, for each key. */
export const FindCoordinatorResponse = message(
  'FindCoordinatorResponse',
  { apiKey: 10, versions: [0, 6], flexible: 3 },
  {
    throttleTimeMs: int32.since(1).ignorable(),
    errorCode: int16.until(3),
    errorMessage: string.since(1).until(3).nullable().ignorable(),
    nodeId: int32.until(3),
    host: string.until(3),
    port: int32.until(3),
    coordinators: array(
      struct({
        key: string,
        nodeId: int32,
        host: string,
        port: int32,
        errorCode: int16,
        errorMessage: string.nullable().ignorable(),
      }),
    ).since(4),
  },
)
export type FindCoordinatorResponse = Infer<typeof FindCoordinatorResponse>
