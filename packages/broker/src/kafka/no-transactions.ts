import type { AppendFault } from '../topic/partition.ts'

/**
 * The refusal of anything transactional. UNSUPPORTED_VERSION is fatal for every client and shows its text; codes that
 * speak of a passing state, such as COORDINATOR_NOT_AVAILABLE, would be retried for ever, and those of authorization
 * would send the user looking for access rules.
 */
export const noTransactions: AppendFault = {
  code: 'unsupported-version',
  detail: 'This broker has no transactions; use an idempotent producer.',
}
