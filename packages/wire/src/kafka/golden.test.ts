import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { Reader } from '../bytes/reader.ts'
import { Writer } from '../bytes/writer.ts'
import { decode } from '../schema/codec.ts'
import { findApi } from './apis.ts'
import { decodeRequestHeader, encodeRequest } from './frame.ts'
import { ConsumerProtocolAssignment, ConsumerProtocolSubscription } from './stored/consumer-protocol.ts'
import { decodeVersioned, encodeVersioned } from './stored/versioned.ts'

/** Requests captured from real clients by `golden/capture.ts`: decoded and encoded again they are the same bytes. */

const golden = new URL('../../golden/', import.meta.url)
const clients = readdirSync(golden, { withFileTypes: true }).filter((entry) => entry.isDirectory())
const files = clients.flatMap(({ name }) => readdirSync(new URL(`${name}/`, golden)).map((file) => `${name}/${file}`))

test('there are golden bytes of every client', () => {
  assert.deepEqual(clients.map(({ name }) => name).toSorted(), ['kafkajs', 'librdkafka', 'platformatic'])
})

for (const file of files) {
  test(`${file} is read and written as the client wrote it`, () => {
    const { bytes, header, body } = read(file)
    const api = findApi(header.apiKey)!
    assert.match(file, new RegExp(`-${api.name}-v${header.apiVersion}.hex$`))
    const writer = new Writer()
    encodeRequest(api, header.apiVersion, header, body, writer)
    assert.deepEqual(writer.concat().subarray(4), bytes)
  })
}

test('embedded consumer metadata is read and written as the client wrote it', () => {
  let count = 0
  for (const file of files.filter((name) => name.includes('JoinGroup'))) {
    const { protocols } = read(file).body as { protocols: { metadata: Buffer }[] }
    for (const { metadata } of protocols) {
      const subscription = decodeVersioned(ConsumerProtocolSubscription, metadata)
      assert.deepEqual(subscription.topics, ['golden'])
      assert.deepEqual(encodeVersioned(ConsumerProtocolSubscription, metadata.readInt16BE(0), subscription), metadata)
      count++
    }
  }
  for (const file of files.filter((name) => name.includes('SyncGroup'))) {
    const { assignments } = read(file).body as { assignments: { assignment: Buffer }[] }
    for (const { assignment } of assignments) {
      const decoded = decodeVersioned(ConsumerProtocolAssignment, assignment)
      assert.deepEqual(decoded.assignedPartitions, [{ topic: 'golden', partitions: [0] }])
      assert.deepEqual(encodeVersioned(ConsumerProtocolAssignment, assignment.readInt16BE(0), decoded), assignment)
      count++
    }
  }
  assert.ok(count > 0)
})

function read(file: string): { bytes: Buffer; header: ReturnType<typeof decodeRequestHeader>; body: unknown } {
  const bytes = Buffer.from(readFileSync(new URL(file, golden), 'utf8').replaceAll('\n', ''), 'hex')
  const reader = new Reader(bytes)
  const header = decodeRequestHeader(reader)
  const body = decode(findApi(header.apiKey)!.request, header.apiVersion, reader)
  assert.equal(reader.remaining, 0)
  return { bytes, header, body }
}
