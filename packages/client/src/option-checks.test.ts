// What JavaScript callers get wrong, and TypeScript would have told them: each is refused with a sentence, before anything is sent.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Client } from './client.ts'
import { connect } from './client.ts'
import { ClientError } from './client-error.ts'
import { expectQueueOptions } from './consumer/consumer-options.ts'
import { expectSubscriptionOptions } from './group/subscription-options.ts'
import { recordOf } from './outgoing-message.ts'
import { topic, topicOf } from './serialization/topic.ts'

function refuses(call: () => unknown, code: ClientError['code'], pattern: RegExp): void {
  assert.throws(call, (error) => {
    assert.ok(error instanceof ClientError, String(error))
    assert.match(error.message, pattern)
    assert.equal(error.code, code)
    return true
  })
}

describe('options of consumers', () => {
  const consumer = { group: 'g', topic: 't' }
  const cases: [options: object, pattern: RegExp][] = [
    [{ concurrency: '3' }, /option "concurrency" of a consumer is a whole number, 1 or more, not "3"/],
    [{ concurrency: 1.5 }, /a whole number, 1 or more, not 1.5/],
    [{ concurrency: 0 }, /a whole number, 1 or more, not 0/],
    [{ concurrency: Number.NaN }, /a whole number, 1 or more, not NaN/],
    [{ prefetch: -1 }, /option "prefetch" of a consumer is a whole number, 1 or more, not -1/],
    [{ ttlMs: 0.5 }, /option "ttlMs" of a consumer is a whole number of milliseconds, 1 or more, not 0.5/],
    [
      { lockMs: '30000' },
      /option "lockMs" of a consumer is a whole number of milliseconds, 1 to 2147483647, not "30000"/,
    ],
    [{ startTimeoutMs: 2 ** 31 }, /a number of milliseconds, 0 to 2147483647, not 2147483648/],
    [{ retry: { initialMs: 0.1 } }, /option "initialMs" of a retry is a whole number of milliseconds/],
    [{ deduplication: { windowMs: 1.5 } }, /option "windowMs" of a deduplication is a whole number of milliseconds/],
    [
      { deduplication: { windowMs: 5, entriesMax: 0 } },
      /option "entriesMax" of a deduplication is a whole number, 1 or/,
    ],
    [{ deduplication: {} }, /deduplication: "windowMs" is missing/],
    [{ from: 'middle' }, /option "from" of a consumer is beginning or end, not "middle"/],
    [{ deadLetter: '' }, /option "deadLetter" of a consumer is a text that is not empty, not ""/],
    [{ deadLetter: 3 }, /a text that is not empty, not 3/],
    [{ onError: 'log' }, /option "onError" of a consumer is a function, not "log"/],
    [{ ordered: 1 }, /option "ordered" of a consumer is true or false, not 1/],
    [{ tags: 'paid' }, /option "tags" of a consumer is an array, not "paid"/],
    [{ deadLetter: 't' }, /"deadLetter" is another topic than those that are consumed, not "t" too/],
    [{ topic: ['a', topic('b')], deadLetter: 'b' }, /not "b" too/],
  ]
  for (const [options, pattern] of cases) {
    it(`refuses ${JSON.stringify(options)}`, () => {
      refuses(() => expectQueueOptions({ ...consumer, ...options }, 'single'), 'invalid-options', pattern)
    })
  }

  it('takes what is right, and what is left out', () => {
    const right = { deduplication: { windowMs: 31 * 86_400_000 }, startTimeoutMs: 0.5, retry: { initialMs: 0 } }
    expectQueueOptions({ ...consumer, ...right, batch: { max: 1, waitMs: 0 } }, 'batch')
    const others = { deadLetter: 'dead', from: 'end', ordered: true, onError: () => undefined, retry: undefined }
    expectQueueOptions({ ...consumer, ...others }, 'single')
    expectQueueOptions(consumer, 'pull')
  })
})

describe('options of subscriptions', () => {
  const subscription = { group: 'g', topic: 't' }
  const cases: [options: object, pattern: RegExp][] = [
    [{ topic: [] }, /a subscription needs a topic/],
    [{ retry: { times: 3 } }, /a retry has no option "times"/],
    [{ retry: { attempts: 0 } }, /option "attempts" of a retry is a whole number, 1 or more, not 0/],
    [{ concurrency: 2.5 }, /option "concurrency" of a subscription is a whole number, 1 or more, not 2.5/],
    [{ sessionTimeoutMs: 10.5 }, /a whole number of milliseconds, 1 to 2147483647, not 10.5/],
    [{ commitIntervalMs: 0 }, /option "commitIntervalMs" of a subscription is a whole number of milliseconds, 1 to/],
    [{ from: 'latest' }, /beginning or end, not "latest"/],
    [{ deadLetter: 't' }, /not "t" too/],
    [{ onError: {} }, /is a function, not an object/],
  ]
  for (const [options, pattern] of cases) {
    it(`refuses ${JSON.stringify(options)}`, () => {
      refuses(() => expectSubscriptionOptions({ ...subscription, ...options }), 'invalid-options', pattern)
    })
  }
})

describe('options of clients and producers', () => {
  const invalid = (pattern: RegExp) => (error: unknown) =>
    error instanceof ClientError && error.code === 'invalid-options' && pattern.test(error.message)
  /** Refused before anything is tried, so that nobody needs to listen there. */
  const brokers = '127.0.0.1:1'

  it('refuses clients', async () => {
    const cases: [options: object, pattern: RegExp][] = [
      [{ topics: 'orders' }, /option "topics" of a client is an array, not "orders"/],
      [{ clientId: 3 }, /option "clientId" of a client is a text/],
      [{ retry: { times: 1 } }, /has no option "times"; it has initialMs, maxMs/],
      [
        { requestTimeoutMs: Number.POSITIVE_INFINITY },
        /option "requestTimeoutMs" of a client is a number of milliseconds/,
      ],
      [{ retry: { maxMs: -1 } }, /option "maxMs" of a client \(retry\) is a number of milliseconds, 0 to/],
      [{ brokers: [9092] }, /name at least one broker/],
    ]
    for (const [options, pattern] of cases) {
      await assert.rejects(connect({ brokers, ...options }), invalid(pattern), JSON.stringify(options))
    }
  })

  it('refuses producers, and consumers without a handler', async () => {
    await using client = await connect({ brokers, check: false })
    refuses(
      () => client.producer({ acks: 1 } as never),
      'invalid-options',
      /"acks" of a producer is all or leader, not 1/,
    )
    refuses(() => client.producer({ idempotent: 'yes' } as never), 'invalid-options', /is true or false, not "yes"/)
    refuses(
      () => client.producer({ batchBytesMax: 0.5 }),
      'invalid-options',
      /"batchBytesMax" of a producer is a whole/,
    )
    refuses(
      () => client.producer({ lingerMs: Number.NaN }),
      'invalid-options',
      /"lingerMs" of a producer is a number of/,
    )
    const options = { group: 'g', topic: 't' }
    const starts: ((client: Client) => Promise<unknown>)[] = [
      (c) => c.consume(options, undefined as never),
      (c) => c.consumeBatches({ ...options, batch: {} }, 'handler' as never),
      (c) => c.subscribe(options, undefined as never),
    ]
    for (const start of starts) await assert.rejects(start(client), invalid(/a handler is a function/))
    const batches = client.consumeBatches(options as never, () => undefined)
    await assert.rejects(batches, invalid(/needs "batch"/))
    const single = client.consume({ ...options, batch: {} } as never, () => undefined)
    await assert.rejects(single, invalid(/has no option "batch"/))
  })
})

describe('arguments of calls', () => {
  it('refuses times that are none', async () => {
    await using client = await connect({ brokers: '127.0.0.1:1', check: false })
    const calls = [
      client.request('t', 'question', { timeoutMs: Number.NaN }),
      client.request('t', 'question', { timeoutMs: '5' as never }),
      client.producer().close({ timeoutMs: -1 }),
      client.close({ timeoutMs: '0' as never }),
    ]
    for (const call of calls) {
      await assert.rejects(call, {
        code: 'invalid-options',
        message: /^"timeoutMs" of (request|close)\(\) is a number of/,
      })
    }
  })
})

// Without its options the window was quietly off in JavaScript.
describe('steps of a chain without a value', () => {
  it('are refused, and do not mean "off"', async () => {
    await using client = await connect({ brokers: '127.0.0.1:1', check: false })
    for (const chain of [client.consumer('g'), client.subscription('g')]) {
      const given = chain as unknown as Record<'deduplication' | 'concurrency' | 'deadLetter', () => unknown>
      refuses(() => given.deduplication(), 'invalid-options', /deduplication: it needs \{ windowMs \}/)
      refuses(() => given.concurrency(), 'invalid-options', /the step for "concurrency" was called without a value/)
      refuses(() => given.deadLetter(), 'invalid-options', /the step for "deadLetter" was called without a value/)
    }
  })
})

describe('topics', () => {
  it('refuses what is neither a name nor a description', () => {
    const pattern = /a topic is a name, or what topic\(\) describes/
    for (const like of [undefined, null, 3, {}]) refuses(() => topicOf(like as never), 'invalid-options', pattern)
    refuses(() => topicOf(''), 'invalid-options', /a topic needs a name/)
  })
})

describe('messages to be sent', () => {
  const cases: [message: object, pattern: RegExp][] = [
    [{ key: 7 }, /the key of a message is text, bytes or null, not a number/],
    [{ headers: { region: 7 } }, /the header "region" of a message is text, bytes or null, not a number/],
    [{ tags: 'paid' }, /the tags of a message are an array of words/],
    [{ timestampMs: new Date(0) }, /timestampMs is a whole number/],
  ]
  for (const [message, pattern] of cases) {
    it(`refuses ${JSON.stringify(message)}`, () => {
      refuses(() => recordOf({ value: 'x', ...message }, null, 'id'), 'invalid', pattern)
    })
  }

  it('refuses an id that is a number', () => {
    refuses(() => recordOf({ value: 'x' }, null, 4711 as never), 'invalid', /a message's id is a text, not 4711/)
  })
})
