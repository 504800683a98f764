import assert from 'node:assert/strict'
import { readdirSync } from 'node:fs'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { apis, decode, findApi, Reader } from '@polylog/wire'
import { advertisedApis, handlers } from './dispatch.ts'
import { TestBroker } from './testing/test-broker.ts'
import type { TestClient } from './testing/test-client.ts'

/** The ranges of Kafka 4.3.1 for what is served; Produce is shown from 0 on (KAFKA-18659). */
const ranges: Record<number, readonly [number, number]> = {
  0: [0, 13],
  1: [4, 18],
  2: [1, 11],
  3: [0, 13],
  8: [2, 10],
  9: [1, 10],
  10: [0, 6],
  11: [0, 9],
  12: [0, 4],
  13: [0, 5],
  14: [0, 5],
  15: [0, 6],
  16: [0, 5],
  17: [0, 1],
  18: [0, 4],
  19: [2, 7],
  20: [1, 6],
  21: [0, 2],
  22: [0, 5],
  23: [2, 4],
  29: [1, 3],
  30: [1, 3],
  31: [1, 3],
  32: [1, 4],
  33: [0, 2],
  35: [1, 5],
  36: [0, 2],
  37: [0, 3],
  42: [0, 2],
  43: [0, 2],
  44: [0, 1],
  45: [0, 1],
  46: [0, 0],
  47: [0, 0],
  50: [0, 0],
  51: [0, 0],
  60: [0, 2],
  61: [0, 0],
  75: [0, 0],
  76: [1, 1],
  77: [1, 1],
  78: [1, 2],
  79: [1, 2],
  83: [0, 0],
  84: [0, 0],
  85: [0, 1],
  86: [0, 0],
  87: [0, 1],
  90: [0, 1],
  91: [0, 0],
  92: [0, 0],
}

describe('the table of handlers', () => {
  test('is what the folder holds, and what is advertised', () => {
    const files = readdirSync(new URL('./handlers/', import.meta.url)).map((name) => Number(name.split('-')[0]))
    const keys = handlers.map(({ api }) => api.key)
    assert.deepEqual(
      files.toSorted((a, b) => a - b),
      keys,
    )
    assert.deepEqual(
      advertisedApis.map(({ apiKey }) => apiKey),
      keys,
    )
  })

  test('file names are those of the APIs', () => {
    const names = readdirSync(new URL('./handlers/', import.meta.url))
    for (const name of names) {
      const api = findApi(Number(name.split('-')[0]))!
      const words = api.name.replace(/(?<=[a-z])([A-Z])/g, '-$1').toLowerCase()
      assert.equal(name.replace(/^\d+-/, ''), `${words}.ts`)
    }
  })

  test('advertises the ranges of Kafka 4.3.1', () => {
    const shown = Object.fromEntries(advertisedApis.map((each) => [each.apiKey, [each.minVersion, each.maxVersion]]))
    assert.deepEqual(shown, ranges)
  })
})

describe('ApiVersions', () => {
  let broker: TestBroker
  let client: TestClient
  beforeEach(async () => {
    broker = await TestBroker.start()
    client = await broker.connect()
  })
  afterEach(() => broker.stop())

  for (const version of [0, 1, 2, 3, 4]) {
    test(`version ${version} lists all APIs`, async () => {
      const named = { clientSoftwareName: 'polylog-test', clientSoftwareVersion: '1.0.0-rc.1' }
      const answer = await client.call(apis[18], version, version < 3 ? {} : named)
      assert.equal(answer.errorCode, 0)
      assert.deepEqual(answer.apiKeys, advertisedApis)
      const features = answer.finalizedFeatures.map(({ name, maxVersionLevel }) => [name, maxVersionLevel])
      assert.deepEqual(features, version < 3 ? [] : [['share.version', 1]])
    })
  }

  test('an unknown version is answered in the form of version 0, with the list', async () => {
    for (const version of [5, 9, 32767]) {
      const request = Buffer.from('00000010001200050000002a000474657374000000', 'hex')
      request.writeInt32BE(request.length - 4, 0)
      request.writeInt16BE(version, 6)
      client.send(request)
      const reader = new Reader(await client.receiveAnswer(42))
      assert.equal(reader.int32(), 42)
      const answer = decode(apis[18].response, 0, reader)
      assert.equal(answer.errorCode, 35)
      assert.deepEqual(
        answer.apiKeys.find(({ apiKey }) => apiKey === 18),
        { apiKey: 18, minVersion: 0, maxVersion: 4 },
      )
      assert.equal(reader.remaining, 0)
    }
    // The connection goes on.
    assert.equal((await client.call(apis[18], 0, {})).errorCode, 0)
  })

  for (const clientSoftwareName of ['', '-x', 'x y', 'ü']) {
    test(`the software name "${clientSoftwareName}" is refused`, async () => {
      const answer = await client.call(apis[18], 3, { clientSoftwareName, clientSoftwareVersion: '1' })
      assert.equal(answer.errorCode, 42)
    })
  }
})
