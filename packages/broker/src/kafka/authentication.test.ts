import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { afterEach, beforeEach, describe, test } from 'node:test'
import { apis } from '@polylog/wire'
import { proveBroker } from './testing/prove-broker.ts'
import { TestBroker } from './testing/test-broker.ts'
import type { TestClient } from './testing/test-client.ts'

let broker: TestBroker
let client: TestClient
describe('authentication', () => {
  beforeEach(async () => {
    broker = await TestBroker.start()
    client = await broker.connect()
  })
  afterEach(async () => {
    await broker.stop()
    assert.deepEqual(broker.errors(), [])
  })

  const self = { brokerId: 2, brokerEpoch: 77 }

  function begin(mechanism = 'POLYLOG-BROKER', version = 1) {
    return client.call(apis[17], version, { mechanism })
  }

  describe('SaslHandshake', () => {
    test('names the mechanism there is to clients that ask for another', async () => {
      for (const mechanism of ['PLAIN', 'SCRAM-SHA-256', '', 'polylog-broker']) {
        assert.deepEqual(await begin(mechanism), { errorCode: 33, mechanisms: ['POLYLOG-BROKER'] })
      }
      assert.deepEqual(await begin('PLAIN', 0), { errorCode: 33, mechanisms: ['POLYLOG-BROKER'] })
    })

    test('version 0, after which bare frames would follow, does not begin the exchange of brokers', async () => {
      assert.equal((await begin('POLYLOG-BROKER', 0)).errorCode, 33)
    })

    test('one exchange at a time, and one in the life of a connection', async () => {
      await begin()
      assert.equal((await begin()).errorCode, 34)
      const other = await broker.connect()
      assert.equal((await proveBroker(other, self)).errorCode, 0)
      assert.equal((await other.call(apis[17], 1, { mechanism: 'POLYLOG-BROKER' })).errorCode, 34)
    })
  })

  describe('SaslAuthenticate', () => {
    test('lets a broker in, in all versions', async () => {
      assert.equal((await proveBroker(client, self)).errorCode, 0)
    })

    for (const version of [0, 1, 2]) {
      test(`version ${version} without a handshake is out of place`, async () => {
        const answer = await client.call(apis[36], version, { authBytes: Buffer.from('x') })
        assert.equal(answer.errorCode, 34)
        assert.match(answer.errorMessage!, /SaslHandshake/)
      })

      test(`version ${version}: what is no hello is refused, and the connection closed`, async () => {
        await begin()
        const answer = await client.call(apis[36], version, { authBytes: randomBytes(48) })
        assert.equal(answer.errorCode, 58)
        await client.closedByBroker
      })
    }

    test('a wrong secret is refused, and the connection closed', async () => {
      const answer = await proveBroker(client, { ...self, secret: 'cd'.repeat(32) })
      assert.equal(answer.errorCode, 58)
      await client.closedByBroker
      assert.equal(broker.lines.filter(({ event }) => event === 'login refused').length, 1)
    })

    test('a hello for another broker is refused', async () => {
      assert.equal((await proveBroker(client, { ...self, targetId: 3 })).errorCode, 58)
    })
  })
})
