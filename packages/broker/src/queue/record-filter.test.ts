import { deepEqual, equal, ok, rejects } from 'node:assert/strict'
import { describe, it } from 'node:test'
import { buildBatch } from '../record/build.ts'
import { RecordFilter } from './record-filter.ts'
import { RecordJudges } from './record-judge.ts'
import { testGroupConfig } from './testing/group-config.ts'

function headers(given: Record<string, string>) {
  return Object.entries(given).map(([key, value]) => ({ key, value: Buffer.from(value) }))
}

async function wants(tagFilter: string, headerFilter: string, given: Record<string, string>): Promise<boolean> {
  const filter = await RecordFilter.make(tagFilter, headerFilter)
  return filter?.wants(headers(given)) ?? true
}

describe('filters of groups', () => {
  it('take one tag of a list; a message without tags has none', async () => {
    const cases: [filter: string, tags: string, isWanted: boolean][] = [
      ['', '', true],
      ['paid', 'paid', true],
      ['paid', 'unpaid', false],
      ['paid, shipped', 'new, shipped', true],
      ['paid,shipped', 'new', false],
      ['paid', '', false],
    ]
    for (const [filter, tags, isWanted] of cases) {
      equal(await wants(filter, '', tags === '' ? {} : { 'polylog-tags': tags }), isWanted, `${filter} of ${tags}`)
    }
    equal(await wants('/.*/', '', {}), false, 'no tag is not an empty tag')
  })

  it('find regular expressions anywhere, unless they say where', async () => {
    equal(await wants('/aid/', '', { 'polylog-tags': 'x,unpaid' }), true)
    equal(await wants('/^paid$/', '', { 'polylog-tags': 'unpaid' }), false)
    equal(await wants('/^paid$/', '', { 'polylog-tags': 'new,paid' }), true)
  })

  it('ask all conditions on headers', async () => {
    const given = { region: 'eu', amount: '250', note: 'a;b' }
    equal(await wants('', 'region', given), true)
    equal(await wants('', 'region=eu|us; amount=/^[0-9]{3}$/', given), true)
    equal(await wants('', 'region=us; amount', given), false)
    equal(await wants('', 'missing', given), false)
    equal(await wants('', 'note=/^a;b$/; region=eu', given), true)
    equal(await wants('', 'region=/^e\\/?u$/', given), true)
  })

  it('are refused where they cannot be understood', async () => {
    for (const [tags, terms] of [
      ['a,,b', ''],
      ['//', ''],
      ['/(/', ''],
      ['/(a)\\1/', ''],
      ['', '=x'],
      ['', 'a=b||c'],
      ['', Array.from({ length: 40 }, (_, at) => `h${at}`).join(';')],
    ] as const) {
      await rejects(RecordFilter.make(tags, terms), { code: 'invalid-config' }, `${tags} ${terms}`)
    }
  })

  it('stay quick on texts that a backtracking engine would never finish', async () => {
    const filter = await RecordFilter.make('/^(a+)+$/', '')
    equal(filter!.wants(headers({ 'polylog-tags': `${'a'.repeat(4000)}b` })), false)
  })
})

describe('what becomes of records', () => {
  const nowMs = 1_000_000
  const record = (given: Record<string, string>, ageMs = 0) => ({
    key: null,
    value: Buffer.from('v'),
    headers: Object.entries(given).map(([key, value]) => ({ key: Buffer.from(key), value: Buffer.from(value) })),
    timestampMs: nowMs - ageMs,
  })

  it('is decided one by one', async () => {
    const judges = new RecordJudges()
    const config = testGroupConfig({ tagFilter: 'a', messageTtlMs: 500 })
    const judge = (await judges.of(config))!
    equal(judges.of(config), judge, 'made once')
    const batch = buildBatch(
      [
        record({ 'polylog-tags': 'a' }, 499),
        record({ 'polylog-tags': 'a' }, 500),
        record({ 'polylog-tags': 'b' }),
        record({ 'polylog-tags': 'a', 'polylog-expires-at': String(nowMs - 1) }),
        record({ 'polylog-tags': 'a', 'polylog-expires-at': 'tomorrow' }),
      ],
      { baseTimestampMs: nowMs, offsetDeltas: [0, 1, 2, 4, 5], lastOffsetDelta: 6 },
    )
    const verdicts = judge.judge(batch, 0, nowMs)
    deepEqual(verdicts, ['deliver', 'expired', 'filtered', undefined, 'expired', 'deliver', undefined])
  })

  it('is delivery for all of a batch where nothing speaks against it', async () => {
    const judges = new RecordJudges()
    equal(judges.of(testGroupConfig()), undefined)
    const judge = (await judges.of(testGroupConfig({ headerFilter: 'x' })))!
    const batch = buildBatch([record({ x: '' }), record({ x: '1' })], { baseTimestampMs: nowMs })
    equal(judge.judge(batch, 0, nowMs), undefined)
    const damaged = Buffer.from(batch)
    damaged[61] = 0x7f
    equal(judge.judge(damaged, 0, nowMs), undefined, 'who gets it finds out')
    ok(judge.judge(buildBatch([record({})], { baseTimestampMs: nowMs }), 0, nowMs))
  })
})
