import type { Infer } from '../schema/schema.ts'
import { array, bool, int16, int32, int64, message, string, struct } from '../schema/schema.ts'

const topic = struct({
  name: string,
  partitions: array(int32),
})

/**
 * Adds partitions to transactions. Up to version 3 from clients, for one transaction; from 4 on batched and meant for
 * brokers, though some clients send it too.
 */
export const AddPartitionsToTxnRequest = message(
  'AddPartitionsToTxnRequest',
  { apiKey: 24, versions: [0, 5], flexible: 3 },
  {
    transactions: array(
      struct({
        transactionalId: string,
        producerId: int64,
        producerEpoch: int16,
        /** Only check that the partitions are part of the transaction (KIP-890). */
        verifyOnly: bool,
        topics: array(topic),
      }),
    ).since(4),
    v3AndBelowTransactionalId: string.until(3),
    v3AndBelowProducerId: int64.until(3),
    v3AndBelowProducerEpoch: int16.until(3),
    v3AndBelowTopics: array(topic).until(3),
  },
)
export type AddPartitionsToTxnRequest = Infer<typeof AddPartitionsToTxnRequest>

const partitionResult = struct({
  partitionIndex: int32,
  partitionErrorCode: int16,
})

const topicResult = struct({
  name: string,
  resultsByPartition: array(partitionResult),
})

/** One error code per partition, grouped by transaction from version 4 on. */
export const AddPartitionsToTxnResponse = message(
  'AddPartitionsToTxnResponse',
  { apiKey: 24, versions: [0, 5], flexible: 3 },
  {
    throttleTimeMs: int32,
    errorCode: int16.since(4).ignorable(),
    resultsByTransaction: array(
      struct({
        transactionalId: string,
        topicResults: array(topicResult),
      }),
    ).since(4),
    resultsByTopicV3AndBelow: array(topicResult).until(3),
  },
)
export type AddPartitionsToTxnResponse = Infer<typeof AddPartitionsToTxnResponse>
