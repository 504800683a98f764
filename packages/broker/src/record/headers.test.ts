import { deepEqual, throws } from 'node:assert/strict'
import { test } from 'node:test'
import { buildBatch } from './build.ts'
import { headersOf } from './headers.ts'
import { openRecords, RecordError, RecordReader } from './records.ts'

test('headers come as they were stored, in their order', () => {
  const headers = [
    { key: Buffer.from('a'), value: Buffer.from('1') },
    { key: Buffer.from(''), value: null },
    { key: Buffer.from('a'), value: Buffer.alloc(0) },
  ]
  const batch = buildBatch(
    [
      { key: null, value: Buffer.from('v'), headers },
      { key: null, value: null },
    ],
    {
      baseTimestampMs: 5,
    },
  )
  const records = openRecords(batch, 0)
  const reader = new RecordReader(records, 2)
  const found = headersOf(records, reader.next()!).map(({ key, value }) => [
    key,
    value && Buffer.from(value).toString(),
  ])
  deepEqual(found, [
    ['a', '1'],
    ['', null],
    ['a', ''],
  ])
  deepEqual(headersOf(records, reader.next()!), [])
})

test('a count that cannot be is refused before memory is spent on it', () => {
  const place = { headersStart: 0, end: 5 } as Parameters<typeof headersOf>[1]
  throws(() => headersOf(Uint8Array.from([0xfe, 0xff, 0xff, 0xff, 0x0f]), place), RecordError)
  throws(() => headersOf(Uint8Array.from([0x01, 0, 0, 0, 0]), place), RecordError)
})
