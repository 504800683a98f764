import type { Infer } from '../schema/schema.ts'
import { array, bool, int16, int32, message, string, struct, uuid } from '../schema/schema.ts'
import { acknowledgementBatch, currentLeader } from './share-acknowledgement.ts'

/** Acknowledges acquired records without fetching more (KIP-932). */
export const ShareAcknowledgeRequest = message(
  'ShareAcknowledgeRequest',
  { apiKey: 79, versions: [1, 2], flexible: 0 },
  {
    groupId: string.nullable().default(null),
    memberId: string.nullable(),
    /** As in ShareFetch, except that no session is opened here. */
    shareSessionEpoch: int32,
    /** Whether acknowledgements of type 4 are among those of this request. */
    isRenewAck: bool.since(2),
    topics: array(
      struct({
        topicId: uuid,
        partitions: array(
          struct({
            partitionIndex: int32,
            acknowledgementBatches: array(acknowledgementBatch),
          }),
        ),
      }),
    ),
  },
)
export type ShareAcknowledgeRequest = Infer<typeof ShareAcknowledgeRequest>

/** One result per partition. */
export const ShareAcknowledgeResponse = message(
  'ShareAcknowledgeResponse',
  { apiKey: 79, versions: [1, 2], flexible: 0 },
  {
    throttleTimeMs: int32,
    errorCode: int16,
    errorMessage: string.nullable().default(null),
    acquisitionLockTimeoutMs: int32.since(2).ignorable(),
    responses: array(
      struct({
        topicId: uuid,
        partitions: array(
          struct({
            partitionIndex: int32,
            errorCode: int16,
            errorMessage: string.nullable().default(null),
            currentLeader,
          }),
        ),
      }),
    ),
    /** Addresses of the brokers named as leaders. */
    nodeEndpoints: array(
      struct({
        nodeId: int32,
        host: string,
        port: int32,
        rack: string.nullable().default(null),
      }),
    ),
  },
)
export type ShareAcknowledgeResponse = Infer<typeof ShareAcknowledgeResponse>
