// What the compiler must accept and refuse: `npm run check` compiles this file, so that a type that has become too loose fails
// there (an unused @ts-expect-error is an error). What it cannot see is refused at run time, which is tested below.
import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Client } from '../client.ts'
import { ClientError } from '../client-error.ts'
import { systemEnvironment } from '../environment.ts'
import { SubscriptionBuilder } from '../group/subscription-builder.ts'
import type { SubscriptionOptions } from '../group/subscription-options.ts'
import type { MessageProducer } from '../producer/message-producer.ts'
import type { StandardSchemaV1 } from '../serialization/standard-schema.ts'
import type { Topic } from '../serialization/topic.ts'
import { json, topic } from '../serialization/topic.ts'

interface Order {
  id: string
  cents: number
}

declare const orderSchema: StandardSchemaV1<{ id: string; cents: string }, Order>

/** Never called. */
export async function builders(client: Client): Promise<void> {
  const orders = topic('orders', orderSchema)
  const bytes = await client
    .consumer('g')
    .topic('t')
    .start((message) => message.value?.toString('hex'))
  bytes.counts.accepted.toFixed()
  await client
    .consumer('g')
    .topic('orders', orderSchema)
    .tags('paid')
    .concurrency(8)
    .start((message) => message.value.cents + 1)
  await client
    .consumer('g')
    .topic(orders)
    .ordered()
    .start(async ({ value }) => value.id)
  const batches = await client
    .consumer('g')
    .topic(orders)
    .batch({ max: 10 })
    .start((messages) => messages[0]?.value.cents)
  await batches.close({ timeoutMs: 1 })
  for await (const message of await client.consumer('g').topic(json2()).open()) message.value.id.trim()
  await client
    .consumer('g')
    .topic('orders', json<Order>())
    .start((message) => message.value.cents)
  await client.consume({ group: 'g', topic: orders, concurrency: 2 }, (message) => message.value.cents)
  await client.consume({ group: 'g', topic: 'bytes' }, (message) => message.value?.length)

  // @ts-expect-error -- there is no topic
  await client.consumer('g').start(() => undefined)
  const builder = client.consumer('g').topic(orders)
  // @ts-expect-error -- an order has no price
  await builder.start((message) => message.value.price)
  // @ts-expect-error -- ordered and batch contradict each other
  client.consumer('g').topic(orders).ordered().batch()
  // @ts-expect-error -- and so they do the other way round
  client.consumer('g').topic(orders).batch().ordered()
  // @ts-expect-error -- what is pulled comes one by one
  await client.consumer('g').topic(orders).batch().open()
  // @ts-expect-error -- there is no such option
  await client.consume({ group: 'g', topic: 't', parallel: 2 }, () => undefined)
  // @ts-expect-error -- a consumer needs a group
  await client.consume({ topic: 't' }, () => undefined)
  // @ts-expect-error -- there is no such place to begin
  client.consumer('g').topic('t').from('middle')
}

/** Never called. */
export async function subscriptions(client: Client): Promise<void> {
  const orders = topic('orders', orderSchema)
  const subscription = client.subscription('g').assignor('range').concurrency(2)
  await subscription.topic(orders).start((message) => message.value.cents + 1)
  await subscription.topic('orders', orderSchema).start((message) => message.value.id)
  await subscription.topic('orders', json<Order>()).start((message) => message.value.cents)
  const started = await subscription.topic('t').start((message) => message.value?.length)
  started.assigned.length.toFixed()
  // @ts-expect-error -- there is no topic
  await subscription.start(() => undefined)
  // @ts-expect-error -- an order has no price
  await subscription.topic(orders).start((message) => message.value.price)
  // @ts-expect-error -- there is no such assignor
  subscription.assignor('best')
  // @ts-expect-error -- members of a consumer group have no locks
  subscription.lock(5)
  // @ts-expect-error -- a store has no maximum here
  subscription.deduplication({ windowMs: 5, entriesMax: 5, store: { seen: () => false, mark: () => undefined } })
}

/** Never called. A program's own function of any topic. */
export async function passingOn<I>(producer: MessageProducer, any: Topic<unknown, I>, value: I): Promise<void> {
  await producer.send(any, { value })
}

function json2() {
  return topic<Order, Order>('orders', json<Order>())
}

/** Never called. */
export async function producers(producer: MessageProducer, client: Client): Promise<void> {
  const orders = topic('orders', orderSchema)
  await producer.send('t', 'text')
  await producer.send('t', { value: null, key: 'k', tags: ['x'] })
  await producer.send(orders, { value: { id: '1', cents: '5' } })
  producer.sendOneWay(topic('t', json<number>()), { value: 5 })
  const reply = await client.request('t', 'question', { reply: json<Order>() })
  reply.cents.toFixed()
  // @ts-expect-error -- the schema wants cents as text
  await producer.send(orders, { value: { id: '1', cents: 5 } })
  // @ts-expect-error -- bytes, text or null without a schema
  await producer.send('t', { value: { id: '1' } })
  // The compiler must blame the value where it stands, not the topic on the line before it.
  await producer.send('t', {
    // @ts-expect-error -- no number without a serializer
    value: 5,
  })
  await producer.sendBatch('t', [
    { value: 'text' },
    {
      // @ts-expect-error -- no number without a serializer
      value: 5,
    },
  ])
  producer.sendOneWay(orders, {
    value: {
      id: '1',
      // @ts-expect-error -- the schema wants cents as text
      cents: 5,
    },
  })
  await client.request(orders, {
    value: { id: '1', cents: '5' },
    // @ts-expect-error -- a key is text or bytes
    key: 7,
  })
  // @ts-expect-error -- no such partitioner
  client.producer({ partitioner: 'random' })
}

describe('options that only a program without types can give', () => {
  const client = new Client(systemEnvironment, { brokers: '127.0.0.1:1' })
  const refused = (pattern: RegExp) => (error: unknown) =>
    error instanceof ClientError && error.code === 'invalid-options' && pattern.test(error.message)
  const nothing = (): undefined => undefined

  it('are refused, with the name of what is wrong', async () => {
    const consume = (options: object) => client.consume(options as { group: string; topic: string }, nothing)
    await assert.rejects(consume({ group: 'g', topic: 't', parallel: 1 }), refused(/no option "parallel"/))
    await assert.rejects(consume({ topic: 't' }), refused(/needs a group/))
    await assert.rejects(consume({ group: 'g' }), refused(/needs a topic/))
    await assert.rejects(consume({ group: 'g', topic: 't', concurrency: 0 }), refused(/1 or more, not 0/))
    await assert.rejects(
      consume({ group: 'g', topic: 't', concurrency: 'many' }),
      refused(/"concurrency".*is a whole number/),
    )
    await assert.rejects(
      consume({ group: 'g', topic: 't', retry: { attempts: 0 } }),
      refused(/"attempts" of a retry is a whole number, 1 or more/),
    )
    await assert.rejects(consume({ group: 'g', topic: 't', retry: { times: 3 } }), refused(/no option "times"/))
    await assert.rejects(consume({ group: 'g', topic: 't', tags: ['a,b'] }), refused(/"a,b" cannot be a tag/))
    const both = { group: 'g', topic: 't', ordered: true, batch: {} }
    await assert.rejects(client.consumeBatches(both, nothing), refused(/contradict/))
    assert.throws(() => client.producer({ linger: 5 } as object), refused(/no option "linger"/))
    assert.throws(() => client.producer({ acks: 'leader', idempotent: true }), refused(/acks 'all'/))
    assert.throws(() => new Client(systemEnvironment, { brokers: [] }), refused(/at least one broker/))
    assert.throws(
      () => new Client(systemEnvironment, { brokers: 'a', timeout: 5 } as never),
      refused(/no option "timeout"/),
    )
  })

  it('a chain says the same as an object, of a subscription too', async () => {
    const asked: unknown[] = []
    const maker = { subscribe: async (...what: unknown[]) => asked.push(what) as never }
    const onError = nothing
    const common = new SubscriptionBuilder(maker, { group: 'g' }).topic('t')
    await common
      .createTopics()
      .from('end')
      .assignor('sticky')
      .concurrency(3)
      .retry({ attempts: 2 })
      .deduplication({ windowMs: 5 })
      .deadLetter('dead')
      .commitInterval(100)
      .sessionTimeout(6000)
      .rebalanceTimeout(7000)
      .startTimeout(8000)
      .onError(onError)
      .start(nothing)
    await common.start(nothing)
    const options: SubscriptionOptions = {
      group: 'g',
      topic: 't',
      createTopics: true,
      from: 'end',
      assignor: 'sticky',
      concurrency: 3,
      retry: { attempts: 2 },
      deduplication: { windowMs: 5 },
      deadLetter: 'dead',
      commitIntervalMs: 100,
      sessionTimeoutMs: 6000,
      rebalanceTimeoutMs: 7000,
      startTimeoutMs: 8000,
      onError,
    }
    assert.deepEqual(asked, [
      [options, nothing, undefined],
      [{ group: 'g', topic: 't' }, nothing, undefined],
    ])
    // @ts-expect-error -- for programs without types
    await assert.rejects(new SubscriptionBuilder(maker, { group: 'g' }).start(nothing), refused(/topic\(\) first/))
  })

  it('a builder is never changed by its steps', async () => {
    const common = client.consumer('g').topic('t')
    assert.notEqual(common.concurrency(5), common)
    await assert.rejects(common.concurrency(0).start(nothing), refused(/1 or more, not 0/))
    await client.close()
  })
})
