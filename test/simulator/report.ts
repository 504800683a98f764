import type { RunResult } from './run.ts'

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
  if (findings.length > 0) lines.push(`  replay: npm run simulate -- ${plan.seed}`)
  return lines.join('\n')
}
