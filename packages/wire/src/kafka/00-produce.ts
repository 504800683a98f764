import type { Infer } from '../schema/schema.ts'
import { array, int16, int32, int64, message, records, string, struct, uuid } from '../schema/schema.ts'

/**
 * Appends record batches to partitions. Version 13 names topics by id.
 *
 * Kafka also shows versions 0 to 2 in ApiVersions although it refuses them: older librdkafka turns compression off
 * when it does not see version 0 (KAFKA-18659).
 */
export const ProduceRequest = message(
  'ProduceRequest',
  { apiKey: 0, versions: [3, 13], flexible: 9 },
  {
    transactionalId: string.nullable().default(null),
    /** 1: the leader has it, -1: all in-sync replicas have it, 0: no answer wanted. */
    acks: int16,
    /** How long to wait for the replicas that `acks` asks for. */
    timeoutMs: int32,
    topicData: array(
      struct({
        name: string.until(12).ignorable(),
        topicId: uuid.since(13).ignorable(),
        partitionData: array(
          struct({
            index: int32,
            /** Exactly one record batch (format v2), passed on unopened. */
            records: records.nullable(),
          }),
        ),
      }),
    ),
  },
)
export type ProduceRequest = Infer<typeof ProduceRequest>

/** Not sent at all for `acks` 0. */
export const ProduceResponse = message(
  'ProduceResponse',
  { apiKey: 0, versions: [3, 13], flexible: 9 },
  {
    responses: array(
      struct({
        name: string.until(12).ignorable(),
        topicId: uuid.since(13).ignorable(),
        partitionResponses: array(
          struct({
            index: int32,
            errorCode: int16,
            /** Offset given to the first record. */
            baseOffset: int64,
            /** -1 unless the topic stamps records with the broker's time. */
            logAppendTimeMs: int64.default(-1).ignorable(),
            logStartOffset: int64.since(5).default(-1).ignorable(),
            /** The records that made the broker refuse the whole batch (KIP-467). */
            recordErrors: array(
              struct({
                batchIndex: int32,
                batchIndexErrorMessage: string.nullable().default(null),
              }),
            )
              .since(8)
              .ignorable(),
            errorMessage: string.since(8).nullable().default(null).ignorable(),
            /** The new leader, sent with NOT_LEADER_OR_FOLLOWER (KIP-951). */
            currentLeader: struct({
              leaderId: int32.default(-1),
              leaderEpoch: int32.default(-1),
            }).tagged(0, 10),
          }),
        ),
      }),
    ),
    throttleTimeMs: int32.ignorable(),
    /** Addresses of the leaders named in `currentLeader`. */
    nodeEndpoints: array(
      struct({
        nodeId: int32,
        host: string,
        port: int32,
        rack: string.nullable().default(null),
      }),
    ).tagged(0, 10),
  },
)
export type ProduceResponse = Infer<typeof ProduceResponse>
