import { checkGroups } from './groups.ts'
import type { Finding, History } from './history.ts'
import { logViews } from './log-view.ts'
import { checkLoss } from './loss.ts'
import { checkOrder } from './order.ts'
import { place } from './placement.ts'
import { checkQueues } from './queues/check-queues.ts'
import { checkReads } from './reads.ts'

/** Everything in a history that must not be; empty for a history of a broker that kept its promises. */
export function check(history: History): Finding[] {
  const findings: Finding[] = []
  for (const view of logViews(history)) {
    const placement = place(view, findings)
    checkLoss(view, placement, findings)
    checkOrder(view, placement, findings)
    checkReads(view, findings)
  }
  checkGroups(history, findings)
  checkQueues(history, findings)
  for (const what of history.unfinished) findings.push({ kind: 'liveness', where: what, detail: 'did not end in time' })
  return findings
}
