/**
 * docs/protocols/kafka.md lists what the broker serves. The table is made from the code; when it has changed, run
 * `UPDATE_DOCS=1 node --test test/docs/kafka-table.test.ts` and look at the difference.
 */
import { equal } from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { it } from 'node:test'
import { apis } from '@polylog/wire'
import { advertisedApis } from '../../packages/broker/src/kafka/dispatch.ts'

const page = new URL('../../docs/protocols/kafka.md', import.meta.url)
const begin = '<!-- begin: made by test/docs/kafka-table.test.ts -->'
const end = '<!-- end -->'

function table(): string {
  const rows = advertisedApis.map(({ apiKey, minVersion, maxVersion }) => {
    const api = apis[apiKey as keyof typeof apis]
    return `| ${apiKey} | ${api.name} | ${minVersion}-${maxVersion} |`
  })
  return ['| key | API | versions |', '| --- | --- | --- |', ...rows].join('\n')
}

it('docs/protocols/kafka.md shows the APIs and versions that the broker advertises', () => {
  const text = readFileSync(page, 'utf8')
  const wanted = `${text.slice(0, text.indexOf(begin) + begin.length)}\n${table()}\n${text.slice(text.indexOf(end))}`
  if (process.env['UPDATE_DOCS']) writeFileSync(page, wanted)
  else equal(text, wanted)
})
