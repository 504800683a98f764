import type { RunResult } from './run.ts'
import type { Plan } from './world/plan.ts'
import { describePlan } from './world/plan.ts'

const findingsShownMax = 5

/** What came of a run, in a few lines; findings with the command that replays them. */
export function describeResult(result: RunResult, tookMs: number): string {
  const { plan, findings, history, invalid, hits, acknowledgedCount, virtualMs, eventCount, eventHash } = result
  const hitList = [...hits].map(([name, count]) => `${name} ${count}`).join(', ')
  const speed = `${(virtualMs / tookMs).toFixed(0)}x`
  const facts = `${acknowledgedCount} acknowledged, ${history.sends.length} sends, ${history.polls.length} polls`
  const lines = [
    `  ${findings.length > 0 ? 'WRONG' : invalid === undefined ? 'ok' : 'INVALID'} ${facts}; hit by ${hitList || 'nothing'}`,
    `  ${(virtualMs / 1000).toFixed(0)} s in ${(tookMs / 1000).toFixed(1)} s (${speed}), ${eventCount} events, hash ${eventHash}`,
  ]
  if (invalid !== undefined) lines.push(`  invalid: ${invalid}`)
  const kinds = Map.groupBy(findings, ({ kind }) => kind)
  for (const [kind, list] of kinds) {
    lines.push(`  ${kind}: ${list.length}`)
    for (const { where, detail } of list.slice(0, findingsShownMax)) lines.push(`    ${where}: ${detail}`)
  }
  if (findings.length > 0) {
    lines.push(`  replay: npm run simulate -- ${plan.seed} --brokers ${plan.brokerCount}; make it smaller: --shrink`)
  }
  return lines.join('\n')
}

/** The smallest plan found that goes wrong in the same way, and how to run it. */
export function describeSmallest(plan: Plan): string {
  return `  smallest: ${describePlan(plan)}\n  replay: npm run simulate -- --plan '${JSON.stringify(plan)}'`
}
