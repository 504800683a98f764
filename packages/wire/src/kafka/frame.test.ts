import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Reader } from '../bytes/reader.ts'
import { WireError } from '../bytes/wire-error.ts'
import { Writer } from '../bytes/writer.ts'
import { decode } from '../schema/codec.ts'
import { FetchResponse } from './01-fetch.ts'
import { apis } from './apis.ts'
import { decodeRequestHeader, decodeResponseHeader, encodeRequest, encodeResponse } from './frame.ts'

const heartbeat = apis[12]
const header = { correlationId: 7, clientId: 'me' }

test('an inflexible request has header 1, a flexible one an empty tagged section more', () => {
  const writer = new Writer()
  encodeRequest(heartbeat, 3, header, { groupId: 'g' }, writer)
  assert.equal(writer.concat().toString('hex', 0, 16), '00000017000c00030000000700026d65')
  encodeRequest(heartbeat, 4, header, { groupId: 'g' }, writer)
  const flexible = writer.concat()
  assert.equal(flexible.toString('hex', 4, 17), '000c00040000000700026d6500')
  const reader = new Reader(flexible, 4)
  assert.deepEqual(decodeRequestHeader(reader), { apiKey: 12, apiVersion: 4, ...header })
  assert.equal(decode(heartbeat.request, 4, reader).groupId, 'g')
  assert.equal(reader.remaining, 0)
})

test('the client id of header 2 stays an ordinary nullable string', () => {
  const writer = new Writer()
  encodeRequest(apis[18], 3, { correlationId: 1, clientId: null }, {}, writer)
  const bytes = writer.concat()
  assert.equal(bytes.toString('hex', 4), `00120003${'00000001'}ffff${'00'}${'01'}${'01'}00`)
})

test('the header of a later ApiVersions request can be read, its body need not be known', () => {
  const bytes = Buffer.from('0012000500000001000161000203616203', 'hex')
  const reader = new Reader(bytes)
  assert.deepEqual(decodeRequestHeader(reader), { apiKey: 18, apiVersion: 5, correlationId: 1, clientId: 'a' })
})

test('the header of an unknown API is no error', () => {
  const reader = new Reader(Buffer.from('7fff000000000001ffff', 'hex'))
  assert.deepEqual(decodeRequestHeader(reader), { apiKey: 32767, apiVersion: 0, correlationId: 1, clientId: null })
})

test('flexible responses have a tagged section in the header, ApiVersions never', () => {
  const writer = new Writer()
  encodeResponse(heartbeat, 4, 7, { errorCode: 27 }, writer)
  assert.equal(writer.concat().toString('hex'), `0000000c${'00000007'}00${'00000000'}001b00`)
  encodeResponse(heartbeat, 3, 7, { errorCode: 27 }, writer)
  assert.equal(writer.concat().toString('hex'), `0000000a${'00000007'}${'00000000'}001b`)
  encodeResponse(apis[18], 4, 7, {}, writer)
  const bytes = writer.concat()
  assert.equal(bytes.toString('hex'), `0000000c${'00000007'}0000${'01'}${'00000000'}00`)
  assert.equal(decodeResponseHeader(apis[18], 4, new Reader(bytes, 4)), 7)
})

test('record batches of a Fetch response go out by reference', () => {
  const writer = new Writer()
  const batches = [Buffer.alloc(5000, 1), Buffer.alloc(6000, 2)]
  const responses = [{ partitions: [{ partitionIndex: 1, records: batches }] }]
  encodeResponse(apis[1], 13, 9, { responses }, writer)
  const chunks = writer.chunks()
  assert.equal(chunks[1], batches[0])
  assert.equal(chunks[2], batches[1])
  const bytes = Buffer.concat(chunks)
  assert.equal(bytes.readInt32BE(0), bytes.length - 4)
  const reader = new Reader(bytes, 4)
  assert.equal(decodeResponseHeader(apis[1], 13, reader), 9)
  const [topic] = decode(FetchResponse, 13, reader).responses
  assert.deepEqual(topic!.partitions[0]!.records, Buffer.concat(batches))
})

test('a value that cannot be encoded leaves earlier frames as they were', () => {
  const writer = new Writer()
  encodeResponse(heartbeat, 4, 1, {}, writer)
  const { size } = writer
  assert.throws(() => encodeResponse(heartbeat, 4, 2, { errorCode: 1e9 }, writer), WireError)
  assert.throws(() => encodeResponse(heartbeat, 5, 2, {}, writer), WireError)
  assert.equal(writer.size, size)
  encodeResponse(heartbeat, 4, 3, {}, writer)
  const bytes = writer.concat()
  assert.equal(bytes.length, 2 * size)
  assert.equal(bytes.readInt32BE(size + 4), 3)
})
