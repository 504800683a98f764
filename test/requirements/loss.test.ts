/** The places where messages get lost, and that they do not. */
import { deepEqual, equal, notEqual, ok } from 'node:assert/strict'
import { commitOffsets, committedOffsets, createTopic } from '@polylog/client/admin'
import { until } from '../system/wait.ts'
import { requirement } from './requirement.ts'
import { Alone } from './world/alone.ts'
import { CrashingConsumer } from './world/crashing-consumer.ts'
import { kafkajsClient, PatientProducer } from './world/kafkajs.ts'
import { fetchFrom, produceTo, valuesOf } from './world/raw.ts'
import { RealCluster } from './world/real-cluster.ts'
import { numbered, readAll, send, Watched } from './world/records.ts'

const queue = { topic: 'orders' }
const produces = ['polylog_kafka_requests_total', 'api="Produce"'] as const
/** Less to recover, and to look into. */
const small = { journalFileBytes: 4 << 20, offsetsPartitionCount: 1 }
/** How long a producer waits for something that does not come. */
const timeoutMs = 2000

requirement('L1', async (context) => {
  await context.test('producer to broker: the answer is lost, and the message neither lost nor doubled', async () => {
    await using alone = await Alone.start(small)
    await using producer = await PatientProducer.connect(alone.node.address)
    await producer.send(queue, ['first'])
    const { incoming } = alone.node.life
    incoming.breaksAtNextWrite = true
    await producer.send(queue, ['second'])
    ok(!incoming.breaksAtNextWrite)
    equal(await alone.node.metric(...produces), 3)
    deepEqual(await readAll(alone.client(), queue), ['first', 'second'])
  })
  await context.test('within the broker: it is killed right after the confirmation', async () => {
    await using alone = await Alone.start(small)
    const sent: string[] = []
    for (let round = 0; round < 3; round++) {
      const values = numbered(`round-${round}`, 20)
      await send(alone.client(), queue, values)
      await alone.node.kill()
      sent.push(...values)
      await alone.node.start()
      deepEqual(await readAll(alone.client(), queue), sent)
    }
  })
  await context.test('broker to consumer: one that is gone goes on where it had committed', async () => {
    await using alone = await Alone.start(small)
    const values = numbered('job', 10)
    const client = alone.client()
    await send(client, queue, values)
    equal((await fetchFrom(client, 1, queue)).values.length, 10)
    await commitOffsets(client, 'workers', [{ ...queue, partition: 0, offset: 4 }])
    await alone.node.kill()
    await alone.node.start()
    const again = alone.client()
    const [committed] = await committedOffsets(again, 'workers')
    const { records } = await fetchFrom(again, 1, queue, { offset: committed!.offset })
    deepEqual(valuesOf(records), values.slice(4))
  })
})

requirement('L2', async (context) => {
  await context.test('each message is confirmed by its place, or refused with the reason', async () => {
    await using alone = await Alone.start(small)
    const client = alone.client()
    await createTopic(client, { name: 'orders', partitionCount: 1, configs: new Map([['max.message.bytes', '1000']]) })
    const large = 'x'.repeat(2000)
    const answers = await Promise.all(['a', large, 'b'].map((value) => produceTo(client, 1, queue, [value])))
    deepEqual(
      answers.map(({ error, baseOffset }) => [error, baseOffset]),
      [
        ['', 0],
        ['MESSAGE_TOO_LARGE', -1],
        ['', 1],
      ],
    )
    deepEqual(await readAll(client, queue), ['a', 'b'])
  })
  await context.test('none holds up the next: five are on their way before the first is confirmed', async () => {
    await using alone = await Alone.start(small)
    const client = alone.client()
    await send(client, queue, ['topic is made'])
    const before = await alone.node.metric(...produces)
    alone.node.life.disk.stall()
    const sending = numbered('async', 5).map((value) => new Watched(produceTo(client, 1, queue, [value])))
    await until('all five have come', async () => (await alone.node.metric(...produces)) === before + 5)
    ok(sending.every(({ isSettled }) => !isSettled))
    alone.node.life.disk.resume()
    const answers = await Promise.all(sending.map(({ promise }) => promise))
    deepEqual(
      answers.map(({ error, baseOffset }) => [error, baseOffset]),
      [1, 2, 3, 4, 5].map((offset) => ['', offset]),
    )
  })
  await context.test('no answer: it is sent again until there is one, and stored once', async () => {
    await using alone = await Alone.start(small)
    await using producer = await PatientProducer.connect(alone.node.address)
    await producer.send(queue, ['first'])
    const { node } = alone
    // The broker has it in its journal, and dies before it can say so.
    node.life.disk.stall()
    const sending = new Watched(producer.send(queue, ['sent into the dark']))
    await until('it is written', () => node.holds('sent into the dark'))
    await node.kill()
    ok(!sending.isSettled)
    await node.start()
    deepEqual(await readAll(alone.client(), queue), ['first', 'sent into the dark'])
    await sending.promise
    deepEqual(await readAll(alone.client(), queue), ['first', 'sent into the dark'])
  })
})

requirement('L3', async () => {
  await using alone = await Alone.start(small)
  const { node } = alone
  const client = alone.client()
  const lax = { topic: 'lax' }
  await createTopic(client, { name: queue.topic, partitionCount: 1 })
  const configs = new Map([['polylog.durability', 'os']])
  await createTopic(client, { name: lax.topic, partitionCount: 1, configs })
  await send(client, lax, ['first'])
  node.life.disk.stall()
  for (const acks of [1, -1] as const) {
    const value = `written, not synced, acks=${acks};`
    equal((await produceTo(client, 1, queue, [value], { acks, timeoutMs })).error, 'REQUEST_TIMED_OUT')
  }
  ok(node.holds('written, not synced, acks=1;'))
  deepEqual((await fetchFrom(client, 1, queue)).values, [])
  // The level "os" promises the page cache only, and so it does not wait.
  equal((await produceTo(client, 1, lax, ['in the page cache'], { timeoutMs })).error, '')
  node.life.disk.resume()
  equal((await produceTo(client, 1, queue, ['synced'])).error, '')
  equal((await readAll(client, queue)).length, 3)
})

requirement('L4', async (context) => {
  const afterCrash = async (alone: Alone): Promise<{ topics: string[]; values: string[] }> => {
    await alone.node.kill()
    await alone.node.start()
    const { topics } = await alone.client().describe([queue.topic])
    return {
      topics: topics.map(({ name }) => name),
      values: topics.length === 0 ? [] : await readAll(alone.client(), queue),
    }
  }
  await context.test('queue and message are stored: both are there', async () => {
    await using alone = await Alone.start({ ...small, durability: 'fsync' })
    await send(alone.client(), queue, ['stored'])
    deepEqual(await afterCrash(alone), { topics: ['orders'], values: ['stored'] })
  })
  await context.test('neither is: neither is there', async () => {
    await using alone = await Alone.start({ ...small, durability: 'memory' })
    await send(alone.client(), queue, ['in memory'])
    deepEqual(await afterCrash(alone), { topics: [], values: [] })
  })
  await context.test(
    'the queue is known to a store that lives on, the message is not stored: an empty queue',
    async () => {
      await using cluster = await RealCluster.start(1, { durability: 'memory' })
      await cluster.createTopic({ name: 'orders', partitionCount: 1 })
      await send(cluster.client(), queue, ['in memory'])
      const [node] = cluster.nodes
      await node!.kill()
      await node!.start()
      await cluster.inSync('orders')
      deepEqual(await readAll(cluster.client(), queue), [])
    },
  )
})

requirement('L5', async () => {
  await using alone = await Alone.start({ ...small, groupSessionTimeoutMsMin: 500 })
  const values = numbered('job', 6)
  await send(alone.client(), queue, values)
  const settings = { address: alone.node.address, topic: queue.topic, group: 'workers' }
  // Commits each message behind the work on it, and dies during the work on the third.
  using first = CrashingConsumer.start({ ...settings, diesAt: values[2]! })
  await first.gone()
  deepEqual(first.begun, values.slice(0, 3))
  using second = CrashingConsumer.start(settings)
  await until('the rest is done', () => second.begun.length >= 4)
  deepEqual(second.begun, values.slice(2))
})

requirement('L6', async () => {
  await using cluster = await RealCluster.start(3)
  const kafka = kafkajsClient(cluster.addresses)
  const admin = kafka.admin()
  await admin.connect()
  const configEntries = [{ name: 'min.insync.replicas', value: '2' }]
  await admin.createTopics({
    topics: [{ ...queue, numPartitions: 1, replicationFactor: 3, configEntries }],
    waitForLeaders: true,
  })
  await admin.disconnect()
  await cluster.inSync('orders')
  await using producer = await PatientProducer.connect(cluster.addresses)
  await producer.send(queue, ['with three'])
  const leader = cluster.leader('orders')
  const [second, third] = cluster.others(leader.id)
  await second!.kill()
  await producer.send(queue, ['with two'])
  await third!.kill()
  await cluster.until('one is left', () => cluster.partition('orders').inSyncReplicas.length < 2)
  const refused = await produceTo(cluster.client(leader.address), leader.id, queue, ['with one'])
  ok(['NOT_ENOUGH_REPLICAS', 'NOT_ENOUGH_REPLICAS_AFTER_APPEND'].includes(refused.error), refused.error)
  const sending = new Watched(producer.send(queue, ['with one, for as long as it takes']))
  const errors = (): Promise<number> => leader.metric('polylog_kafka_errors_total', 'NOT_ENOUGH_REPLICAS')
  const before = await errors()
  await cluster.until('it was refused again and again', async () => (await errors()) >= before + 3)
  ok(!sending.isSettled)
  await second!.start()
  await sending.promise
  deepEqual(await readAll(cluster.client(), queue), ['with three', 'with two', 'with one, for as long as it takes'])
})

requirement('L7', async () => {
  await using cluster = await RealCluster.start(3)
  const configs = new Map([['min.insync.replicas', '2']])
  await cluster.createTopic({ name: 'orders', partitionCount: 1, replicationFactor: 3, configs })
  await using producer = await PatientProducer.connect(cluster.addresses)
  const confirmed = numbered('confirmed', 20)
  for (const value of confirmed) await producer.send(queue, [value])
  const first = cluster.leader('orders')
  const followers = cluster.others(first.id)
  for (const { life } of followers) life.outgoing.cut()
  // Confirmed by the leader alone, as asked for; and one that asked for more and so is not confirmed.
  equal((await produceTo(cluster.client(), first.id, queue, ['leader only'], { acks: 1 })).error, '')
  const sending = new Watched(producer.send(queue, ['on its way']))
  await cluster.until('the leader has both', () => first.durableEnd('orders') === 22)
  ok(!sending.isSettled)
  await first.kill()
  for (const { life } of followers) life.outgoing.open()
  await sending.promise
  notEqual(cluster.leader('orders'), first)
  // The new log outgrows the old one, so that only the epochs tell where they part.
  const later = numbered('later', 5)
  for (const value of later) await producer.send(queue, [value])
  const expected = [...confirmed, 'on its way', ...later]
  deepEqual(await readAll(cluster.client(), queue), expected)
  await first.start()
  await cluster.inSync('orders')
  await cluster.until('it has what the others have', () => first.durableEnd('orders') === expected.length)
  // What it alone had is gone there too, and its log is that of the others, byte for byte.
  for (const node of cluster.nodes) await node.stop()
  const logs = cluster.nodes.map((node) => node.segments('orders', 0))
  ok(logs[0]!.includes('on its way') && !logs[0]!.includes('leader only'))
  ok(logs[1]!.equals(logs[0]!) && logs[2]!.equals(logs[0]!))
})
