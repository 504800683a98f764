import { requirements } from './table.ts'

/** How the test of a requirement ended. */
export interface Outcome {
  readonly passed: boolean
  readonly seconds: number
  /** Why it failed. */
  readonly message?: string
}

/** `later`: nothing to show yet. `none`: the test did not run. */
export type Verdict = 'pass' | 'fail' | 'later' | 'none'

export function verdictOf(id: string, outcome: Outcome | undefined): Verdict {
  if (requirements[id]!.file === undefined) return 'later'
  if (outcome === undefined) return 'none'
  return outcome.passed ? 'pass' : 'fail'
}

/** The table for a terminal: one line per requirement, and the reason behind those that did not pass. */
export function textTable(ids: readonly string[], outcomes: ReadonlyMap<string, Outcome>): string {
  const lines = ['ID   VERDICT  SECONDS  REQUIREMENT']
  for (const id of ids) {
    const { sentence, later } = requirements[id]!
    const outcome = outcomes.get(id)
    const seconds = outcome === undefined ? '-' : outcome.seconds.toFixed(1)
    lines.push(`${id.padEnd(5)}${verdictOf(id, outcome).padEnd(9)}${seconds.padStart(7)}  ${sentence}`)
    const reason = later ?? outcome?.message?.split('\n', 1)[0]
    if (reason !== undefined) lines.push(`${' '.repeat(23)}${reason}`)
  }
  return lines.join('\n')
}

/** The table of docs/requirements.md. */
export function pageTable(outcomeOf: (id: string) => Outcome | undefined): string {
  const rows = Object.entries(requirements).map(([id, { sentence, note, later, page, file }]) => {
    const outcome = outcomeOf(id)
    const seconds = outcome === undefined ? '–' : outcome.seconds.toFixed(1)
    const verdict = later === undefined ? verdictOf(id, outcome) : `later: ${later}`
    const places = [`[${page}](${page})`, ...(file === undefined ? [] : [`[${file}](../test/requirements/${file})`])]
    const text = note === undefined ? sentence : `${sentence} *${note}*`
    return `| ${[id, text, verdict, seconds, places.join(', ')].join(' | ')} |`
  })
  return ['| id | requirement | verdict | seconds | shown in |', '| --- | --- | --- | --- | --- |', ...rows].join('\n')
}

const begin = '<!-- begin: made by npm run requirements -- --write -->'
const end = '<!-- end -->'

/** The page with this table in the place of its present one. */
export function withTable(page: string, table: string): string {
  return `${page.slice(0, page.indexOf(begin) + begin.length)}\n\n${table}\n\n${page.slice(page.indexOf(end))}`
}
