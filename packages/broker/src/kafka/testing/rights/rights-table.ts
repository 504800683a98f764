import type { Right, RightsCase, RightsRow } from './right.ts'

/** The table of docs/security.md. */
export function rightsTable(rows: readonly RightsRow[]): string {
  const lines = rows.flatMap(({ api, cases, freely }) => {
    const head = `| ${api.key} | ${api.name} |`
    if (cases.length === 0) return [`${head} ${freely} | nothing |`]
    return cases.map((each, at) => `${at === 0 ? head : '| | |'} ${each.title} | ${rightsOf(each)} |`)
  })
  return ['| key | API | what for | what it asks |', '| --- | --- | --- | --- |', ...lines, ''].join('\n')
}

function rightsOf({ ways }: RightsCase): string {
  return ways.map((way) => way.map(rightOf).join(' and ')).join('; or ')
}

function rightOf({ operation, type, hides }: Right): string {
  const word = operation.toUpperCase().replaceAll('-', '_')
  return `${word} ${type.replace('-', ' ')}${hides !== undefined ? ' (else left out)' : ''}`
}
