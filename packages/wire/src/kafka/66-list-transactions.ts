import type { Infer } from '../schema/schema.ts'
import { array, int16, int32, int64, message, string, struct } from '../schema/schema.ts'

/** Lists the transactions that this broker coordinates; empty filters match all. */
export const ListTransactionsRequest = message(
  'ListTransactionsRequest',
  { apiKey: 66, versions: [0, 2], flexible: 0 },
  {
    stateFilters: array(string),
    producerIdFilters: array(int64),
    /** Only transactions open for longer than this many milliseconds; negative for all. */
    durationFilter: int64.since(1).default(-1),
    /** A regular expression in RE2 syntax (KIP-1152). */
    transactionalIdPattern: string.since(2).nullable().default(null),
  },
)
export type ListTransactionsRequest = Infer<typeof ListTransactionsRequest>

/** The matching transactions. */
export const ListTransactionsResponse = message(
  'ListTransactionsResponse',
  { apiKey: 66, versions: [0, 2], flexible: 0 },
  {
    throttleTimeMs: int32,
    errorCode: int16,
    /** Filters that name no known state. */
    unknownStateFilters: array(string),
    transactionStates: array(
      struct({
        transactionalId: string,
        producerId: int64,
        transactionState: string,
      }),
    ),
  },
)
export type ListTransactionsResponse = Infer<typeof ListTransactionsResponse>
