import type { Infer } from '../schema/schema.ts'
import { array, int16, int32, int64, message, string, struct } from '../schema/schema.ts'

/** Describes transactions by transactional id (KIP-664). */
export const DescribeTransactionsRequest = message(
  'DescribeTransactionsRequest',
  { apiKey: 65, versions: [0, 0], flexible: 0 },
  {
    transactionalIds: array(string),
  },
)
export type DescribeTransactionsRequest = Infer<typeof DescribeTransactionsRequest>

/** One state per transactional id. */
export const DescribeTransactionsResponse = message(
  'DescribeTransactionsResponse',
  { apiKey: 65, versions: [0, 0], flexible: 0 },
  {
    throttleTimeMs: int32,
    transactionStates: array(
      struct({
        errorCode: int16,
        transactionalId: string,
        transactionState: string,
        transactionTimeoutMs: int32,
        /** -1 while no transaction is open. */
        transactionStartTimeMs: int64,
        producerId: int64,
        producerEpoch: int16,
        topics: array(
          struct({
            topic: string,
            partitions: array(int32),
          }),
        ),
      }),
    ),
  },
)
export type DescribeTransactionsResponse = Infer<typeof DescribeTransactionsResponse>
