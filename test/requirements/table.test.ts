/** The table, the tests and docs/requirements.md say the same. */
import { deepEqual, equal, ok } from 'node:assert/strict'
import { existsSync, globSync, readFileSync } from 'node:fs'
import { describe, it } from 'node:test'
import { pageTable, withTable } from './report.ts'
import { requirements } from './table.ts'

const docs = new URL('../../docs/', import.meta.url)

/** `R` with 3 gives R1, R2, R3. */
function series(letter: string, count: number): string[] {
  return Array.from({ length: count }, (_, i) => `${letter}${i + 1}`)
}

describe('the requirements', () => {
  it('are all there', () => {
    const cluster = [series('R', 20), series('K', 10), series('W', 5), series('V', 3), series('L', 7)]
    // 1 to 3 are one row, and 15, high availability, is the cluster's.
    const ofQueues = [series('C', 20).filter((id) => !['C1', 'C2', 'C15'].includes(id)), series('D', 26)]
    const wanted = [...cluster, ...ofQueues]
    deepEqual(Object.keys(requirements).toSorted(), wanted.flat().toSorted())
  })

  it('have one test each, in the file that the table names, or a reason why not', () => {
    const found = new Map<string, string>()
    for (const file of globSync('*.test.ts', { cwd: import.meta.dirname })) {
      const text = readFileSync(new URL(file, import.meta.url), 'utf8')
      for (const [, id] of text.matchAll(/^requirement\('(\w+)'/gm)) {
        ok(!found.has(id!), `${id} has two tests`)
        found.set(id!, file)
      }
    }
    for (const [id, { file, later, page }] of Object.entries(requirements)) {
      equal(found.get(id), file, id)
      equal(file === undefined, later !== undefined, `${id} has a test or a reason`)
      ok(existsSync(new URL(page, docs)), `docs/${page} is missing`)
    }
  })

  it('stand in docs/requirements.md as they are here, with the seconds of some run', () => {
    const page = readFileSync(new URL('requirements.md', docs), 'utf8')
    const table = pageTable((id) => {
      const seconds = new RegExp(`^\\| ${id} \\|.*\\| (\\d+\\.\\d) \\|[^|]*\\|$`, 'm').exec(page)?.[1]
      return seconds === undefined ? undefined : { passed: true, seconds: Number(seconds) }
    })
    equal(page, withTable(page, table), 'run npm run requirements -- --write')
  })
})
