import type { Infer } from '../schema/schema.ts'
import { array, bool, int16, int32, int64, int8, message, records, string, struct, uuid } from '../schema/schema.ts'
import { acknowledgementBatch, currentLeader } from './share-acknowledgement.ts'

/** Acquires records for a member of a share group and acknowledges others (KIP-932); version 2 renews (KIP-1206, 1222). */
export const ShareFetchRequest = message(
  'ShareFetchRequest',
  { apiKey: 78, versions: [1, 2], flexible: 0 },
  {
    groupId: string.nullable().default(null),
    memberId: string.nullable(),
    /** 0 opens a session, -1 closes it, anything else is one more than in the request before. */
    shareSessionEpoch: int32,
    maxWaitMs: int32,
    /** The broker holds the answer until it has this much, or `maxWaitMs` have passed. */
    minBytes: int32,
    maxBytes: int32.default(2 ** 31 - 1),
    /** Exceeded to the end of a batch in mode 0. */
    maxRecords: int32,
    /** How many records the ranges of the answer shall hold, about. */
    batchSize: int32,
    /** 0 whole batches, 1 no more than `maxRecords`. */
    shareAcquireMode: int8.since(2).ignorable(),
    /** Whether acknowledgements of type 4 are among those of this request. */
    isRenewAck: bool.since(2),
    /** Partitions that are new in the session, or whose records are acknowledged. */
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
    /** Partitions to drop from the session. */
    forgottenTopicsData: array(
      struct({
        topicId: uuid,
        partitions: array(int32),
      }),
    ),
  },
)
export type ShareFetchRequest = Infer<typeof ShareFetchRequest>

/** Record batches, and which of the records in them the member may work on. */
export const ShareFetchResponse = message(
  'ShareFetchResponse',
  { apiKey: 78, versions: [1, 2], flexible: 0 },
  {
    throttleTimeMs: int32,
    errorCode: int16,
    errorMessage: string.nullable().default(null),
    acquisitionLockTimeoutMs: int32,
    responses: array(
      struct({
        topicId: uuid,
        partitions: array(
          struct({
            partitionIndex: int32,
            errorCode: int16,
            errorMessage: string.nullable().default(null),
            acknowledgeErrorCode: int16,
            acknowledgeErrorMessage: string.nullable().default(null),
            currentLeader,
            records,
            acquiredRecords: array(
              struct({
                firstOffset: int64,
                /** Inclusive. */
                lastOffset: int64,
                /** 1 at the first delivery. */
                deliveryCount: int16,
              }),
            ),
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
export type ShareFetchResponse = Infer<typeof ShareFetchResponse>
