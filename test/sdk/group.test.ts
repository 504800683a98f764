// Classic consumer groups of the SDK against a real broker in this process.
import { deepEqual, equal, ok, rejects } from 'node:assert/strict'
import { describe, it } from 'node:test'
import { ClientError, connect } from '@polylog/client'
import type { AssignorName, GroupSubscription } from '@polylog/client'
import { Cluster, committedOffsets, createTopic } from '@polylog/client/admin'
import { startBroker } from '../../packages/broker/src/mod.ts'
import type { Broker } from '../../packages/broker/src/mod.ts'

const addressOf = ({ kafka }: Broker): string => `${kafka.host}:${kafka.port}`

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 5))
}

async function brokerWith(topic: string, partitionCount: number): Promise<Broker> {
  const broker = await startBroker()
  await using cluster = new Cluster({ brokers: addressOf(broker) })
  await createTopic(cluster, { name: topic, partitionCount })
  return broker
}

const messages = (count: number, from = 0): { key: string; value: string }[] =>
  Array.from({ length: count }, (_, i) => ({ key: `k${(from + i) % 7}`, value: String(from + i) }))

/** Values of each key, in the order in which they were handled. */
function ordersOf(seen: readonly { key: string; value: number }[]): Map<string, number[]> {
  return new Map(
    [...Map.groupBy(seen, ({ key }) => key)].map(([key, entries]) => [key, entries.map(({ value }) => value)]),
  )
}

describe('consumer groups', () => {
  for (const assignor of ['range', 'round-robin', 'sticky', 'cooperative-sticky', 'uniform'] as AssignorName[]) {
    it(`${assignor}: members come and go, every message is handled, those of a key in order`, async () => {
      await using broker = await brokerWith('log', 6)
      await using client = await connect({ brokers: addressOf(broker) })
      await using other = await connect({ brokers: addressOf(broker) })
      const seen: { key: string; value: number }[] = []
      const options = {
        group: 'g',
        topic: 'log',
        assignor,
        concurrency: 4,
        sessionTimeoutMs: 6000,
        commitIntervalMs: 20,
      }
      const handler = ({ key, value }: { key: Buffer | null; value: Buffer | null }): void =>
        void seen.push({ key: String(key), value: Number(value) })
      const producer = client.producer()
      const first = await client.subscribe(options, handler)
      equal(first.assigned.length, 6)
      await producer.sendBatch('log', messages(100))
      await until(() => seen.length >= 100)
      const second: GroupSubscription<Buffer | null> = await other.subscribe(options, handler)
      await until(() => first.assigned.length === 3 && second.assigned.length === 3)
      await producer.sendBatch('log', messages(100, 100))
      await until(() => new Set(seen.map(({ value }) => value)).size === 200)
      await second.close()
      await until(() => first.assigned.length === 6)
      await producer.sendBatch('log', messages(50, 200))
      await until(() => new Set(seen.map(({ value }) => value)).size === 250)
      await first.close()
      for (const [key, values] of ordersOf(seen)) {
        // A message may come twice around a rebalance; the first time it comes, all before it have come.
        const firsts = values.filter((value, i) => values.indexOf(value) === i)
        deepEqual(
          firsts,
          firsts.toSorted((a, b) => a - b),
          key,
        )
      }
      await using cluster = new Cluster({ brokers: addressOf(broker) })
      const committed = await committedOffsets(cluster, 'g')
      equal(
        committed.reduce((sum, { offset }) => sum + offset, 0),
        250,
      )
    })
  }

  it('a failing message holds up its key alone, is not committed over, and is kept as a dead letter', async () => {
    await using broker = await brokerWith('log', 1)
    await using client = await connect({ brokers: addressOf(broker) })
    const producer = client.producer()
    await producer.sendBatch('log', [
      { key: 'a', value: 'bad' },
      { key: 'a', value: 'after' },
      { key: 'b', value: 'other' },
    ])
    const seen: string[] = []
    const subscription = await client.subscribe(
      { group: 'g', topic: 'log', concurrency: 2, retry: { attempts: 3, initialMs: 5, maxMs: 5 }, deadLetter: 'dead' },
      ({ value }) => {
        seen.push(String(value))
        if (String(value) === 'bad') throw new Error('cannot')
      },
    )
    await until(() => seen.includes('after'))
    await subscription.close()
    deepEqual(
      seen.filter((value) => value !== 'other'),
      ['bad', 'bad', 'bad', 'after'],
    )
    ok(seen.indexOf('other') < 4)
    const dead = await client.consumer('undertaker').topic('dead').open()
    const [letter] = await dead.pull({ waitMs: 30_000 })
    equal(String(letter?.value), 'bad')
    equal(letter?.header('polylog.dead.deliveries'), '3')
  })

  it('a message that cannot be buried is kept until it can', async () => {
    await using broker = await startBroker({ autoCreateTopics: false })
    await using cluster = new Cluster({ brokers: addressOf(broker) })
    await createTopic(cluster, { name: 'log', partitionCount: 1 })
    await using client = await connect({ brokers: addressOf(broker), retry: { initialMs: 5, maxMs: 20 } })
    await client.producer().sendBatch('log', ['bad', 'after'])
    let refusals = 0
    const seen: string[] = []
    await client
      .subscription('g')
      .topic('log')
      .retry({ attempts: 1 })
      .deadLetter('dead')
      .onError((error) => (refusals += error instanceof ClientError ? 1 : 0))
      .start(({ value }) => {
        seen.push(String(value))
        if (seen.length === 1) throw new Error('cannot')
      })
    await until(() => refusals >= 3)
    deepEqual(seen, ['bad'])
    await createTopic(cluster, { name: 'dead', partitionCount: 1 })
    await until(() => seen.length === 2)
    const dead = await client.consumer('undertaker').topic('dead').open()
    const [letter] = await dead.pull({ waitMs: 30_000 })
    equal(String(letter?.value), 'bad')
  })

  it('begin on topics that are missing only if they are told to make them', async () => {
    await using broker = await startBroker()
    await using client = await connect({ brokers: addressOf(broker) })
    const nothing = (): void => undefined
    await rejects(client.subscription('g').topic('new').start(nothing), { errorName: 'UNKNOWN_TOPIC_OR_PARTITION' })
    await rejects(client.consumer('g').topic('new').start(nothing), { errorName: 'UNKNOWN_TOPIC_OR_PARTITION' })
    const subscription = await client.subscription('g').topic('new').createTopics().start(nothing)
    await until(() => subscription.assigned.length === 1)
    const seen: string[] = []
    await client
      .consumer('h')
      .topic('newer')
      .createTopics()
      .start(({ value }) => void seen.push(String(value)))
    await client.producer({ createTopics: false }).send('newer', 'there')
    await until(() => seen.length === 1)
  })

  it('a member counts what it has done, and what is before it', async () => {
    await using broker = await brokerWith('log', 1)
    await using client = await connect({ brokers: addressOf(broker) })
    await client.producer().sendBatch('log', ['good', 'bad', 'slow', 'waits'])
    const slow = Promise.withResolvers<void>()
    const retry = { attempts: 2, initialMs: 1, maxMs: 1 }
    const reader = await client.subscribe({ group: 'g', topic: 'log', retry }, async ({ value }) => {
      if (String(value) === 'bad') throw new Error('cannot')
      if (String(value) === 'slow') await slow.promise
    })
    const done = { received: 4, retried: 1, failed: 1, repeated: 0 }
    await until(() => reader.counts.failed === 1 && reader.counts.inProgress === 1)
    deepEqual(reader.counts, { ...done, handled: 1, inProgress: 1, lag: 2 })
    slow.resolve()
    await until(() => reader.counts.inProgress === 0 && reader.counts.lag === 0)
    deepEqual(reader.counts, { ...done, handled: 3, inProgress: 0, lag: 0 })
  })

  // The members were said to have nothing in common, and the group not to be there.
  it('a name that a group of the other kind has is told so', async () => {
    await using broker = await brokerWith('log', 1)
    await using client = await connect({ brokers: addressOf(broker) })
    const nothing = (): undefined => undefined
    await client.consumer('queue').topic('log').start(nothing)
    await client.subscription('group').topic('log').assignor('range').start(nothing)
    await rejects(client.subscription('queue').topic('log').start(nothing), {
      errorName: 'INCONSISTENT_GROUP_PROTOCOL',
      message: /cannot join group "queue": it is a share group, of which work queues are made; give the consumer group/,
    })
    await rejects(client.consumer('group').topic('log').start(nothing), {
      errorName: 'GROUP_ID_NOT_FOUND',
      message:
        /share group "group": there is a consumer group of this name; give the work queue a group of another name/,
    })
    await rejects(client.subscription('group').topic('log').assignor('sticky').start(nothing), {
      errorName: 'INCONSISTENT_GROUP_PROTOCOL',
      message: /its other members do not know the assignor "sticky"/,
    })
  })
})
