import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { connect } from './client.ts'
import { FakeBroker } from './testing/fake-broker.ts'
import { expectTopicName } from './topic-name.ts'

describe('the name of a topic', () => {
  it('is what brokers take', () => {
    for (const name of ['a', 'Orders.eu_1-x', '__consumer_offsets', '...', 'x'.repeat(249)]) expectTopicName(name)
    for (const name of ['', '.', '..', 'a b', 'naïve', 'a/b', 'a\n', 'x'.repeat(250)]) {
      assert.throws(() => expectTopicName(name), { code: 'invalid', errorName: 'INVALID_TOPIC_EXCEPTION' }, name)
    }
  })

  // Brokers say of such a name that there is no such topic, which sent people looking for it.
  it('is told to be invalid, with what is allowed, and not to be unknown', async () => {
    await using fake = await FakeBroker.start()
    await using client = await connect({ brokers: fake.address })
    const message =
      '"new orders" cannot be the name of a topic: it has 1 to 249 letters (A to Z, a to z), digits, ".", "_" and "-", and is not "." or ".."'
    const wrong = { code: 'invalid', message }
    await assert.rejects(client.producer().send('new orders', 'x'), wrong)
    await assert.rejects(
      client
        .consumer('g')
        .topic('new orders')
        .start(() => undefined),
      wrong,
    )
    await assert.rejects(
      client
        .subscription('g')
        .topic('new orders')
        .start(() => undefined),
      wrong,
    )
    await assert.rejects(client.check(['new orders']), wrong)
  })
})
