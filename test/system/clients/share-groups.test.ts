import assert from 'node:assert/strict'
import { after, before, describe, test } from 'node:test'
import kafkajs from 'kafkajs'
import type { Deed } from './java/java-client.ts'
import { JavaClient } from './java/java-client.ts'
import type { JavaMember } from './java/java-client.ts'
import { startTarget } from './java/target.ts'
import type { Target } from './java/target.ts'

const { Kafka, logLevel, Partitioners } = kafkajs

/** One list per partition of what was accepted, sorted; each message must be there once. */
function accepted(members: readonly JavaMember[]): string[] {
  return members
    .flatMap((member) => member.deeds())
    .filter(({ type }) => type === 'accept')
    .map(({ value }) => value)
    .toSorted()
}

const range = (name: string, count: number) => Array.from({ length: count }, (_, index) => `${name} ${index}`)
const sorted = (values: readonly string[]) => [...values].toSorted()

describe("share groups, for Kafka's own client", { timeout: 400_000 }, () => {
  let java: JavaClient | undefined
  let target: Target
  let kafka: InstanceType<typeof Kafka>
  let skip: string | false = false
  let topicCount = 0

  before(async () => {
    const compiled = await JavaClient.compile()
    if (typeof compiled === 'string') {
      skip = compiled
      console.error(`SKIPPED: ${compiled}`)
      return
    }
    java = compiled
    target = await startTarget()
    kafka = new Kafka({ brokers: [target.address], logLevel: logLevel.NOTHING })
  })
  after(async () => {
    await target?.[Symbol.asyncDispose]()
    await java?.dispose()
  })

  /** A test that is skipped, and says why, on a machine without Java. */
  function scenario(name: string, work: (java: JavaClient) => Promise<void>): void {
    test(name, async (t) => {
      if (skip !== false) t.skip(skip)
      else await work(java!)
    })
  }

  /** A new topic, and a group that begins at its start. */
  async function setUp(client: JavaClient, partitions = 1, settings: Record<string, string> = {}) {
    const name = `jobs-${++topicCount}`
    const admin = kafka.admin()
    await admin.connect()
    await admin.createTopics({ topics: [{ topic: name, numPartitions: partitions }], waitForLeaders: true })
    await admin.disconnect()
    const group = `g-${topicCount}`
    for (const [key, value] of Object.entries({ 'share.auto.offset.reset': 'earliest', ...settings })) {
      assert.deepEqual(await client.admin(target.address, 'configure', group, key, value), ['ok'])
    }
    return { topic: name, group }
  }

  async function produce(topic: string, values: readonly string[], partitionCount = 1): Promise<void> {
    const producer = kafka.producer({ createPartitioner: Partitioners.LegacyPartitioner })
    await producer.connect()
    const messages = values.map((value, index) => ({ value, partition: index % partitionCount }))
    await producer.send({ topic, messages })
    await producer.disconnect()
  }

  /** Without start offsets: Kafka lets them lie behind what is settled. */
  async function lags(client: JavaClient, group: string): Promise<string[]> {
    const lines = await client.admin(target.address, 'offsets', group)
    assert.equal(lines.pop(), 'ok')
    return lines.map((line) => line.replace(/ -?\d+ lag/, ' lag'))
  }

  const count = (member: JavaMember, of: (deed: Deed) => boolean) => member.deeds().filter(of).length

  scenario('a member takes all messages, and the group is where it says', async (client) => {
    const { topic, group } = await setUp(client, 2)
    await produce(topic, range('ok', 20), 2)
    await using ann = await client.member(target.address, group, topic)
    await ann.until(() => ann.deeds().length >= 20, '20 messages')
    assert.deepEqual(accepted([ann]), sorted(range('ok', 20)))
    const described = await client.admin(target.address, 'describe', group)
    assert.deepEqual(described, ['Stable 1', `member ${topic}-0,${topic}-1`, 'ok'])
    assert.ok((await client.admin(target.address, 'list')).includes(`${group} Share share Stable`))
    await ann.stop()
    assert.equal(ann.lines.at(-1), 'closed')
    assert.deepEqual(await lags(client, group), [`${topic}-0 lag 0`, `${topic}-1 lag 0`])
  })

  scenario(
    'what is given back comes again, what is refused does not, and nobody gets anything for ever',
    async (client) => {
      const { topic, group } = await setUp(client)
      await produce(topic, ['release a', 'reject b', 'never c', 'ok d', 'renew e'])
      await using ann = await client.member(target.address, group, topic)
      await ann.until(() => count(ann, ({ value }) => value === 'never c') === 5, 'five deliveries')
      await ann.until(() => accepted([ann]).length === 3, 'the others are accepted')
      const told = ann.deeds().map(({ type, offset, delivery }) => `${type} ${offset} ${delivery}`)
      assert.deepEqual(sorted(told.filter((deed) => !deed.includes(' 2 '))), [
        'accept 0 2',
        'accept 3 1',
        'accept 4 1',
        'reject 1 1',
        'release 0 1',
        'renew 4 1',
      ])
      await ann.stop()
      assert.deepEqual(await lags(client, group), [`${topic}-0 lag 0`])
    },
  )

  scenario('members share one partition, each message goes to one of them', async (client) => {
    const { topic, group } = await setUp(client)
    const few = ['max.poll.records=10', 'share.acquire.mode=record_limit']
    await using ann = await client.member(target.address, group, topic, ...few)
    await using bob = await client.member(target.address, group, topic, ...few)
    await produce(topic, range('ok', 200))
    while (accepted([ann, bob]).length < 200) await Promise.race([ann.next(), bob.next()])
    assert.deepEqual(accepted([ann, bob]), sorted(range('ok', 200)))
    await ann.stop()
    await bob.stop()
  })

  scenario('the messages of a member that dies go to another, at once', async (client) => {
    const { topic, group } = await setUp(client)
    await produce(topic, ['die a', 'ok b', 'ok c'])
    await using ann = await client.member(target.address, group, topic)
    await ann.line(/^died/)
    await ann.ended()
    await using bob = await client.member(target.address, group, topic)
    await bob.until(() => accepted([bob]).length === 3, 'three messages')
    assert.deepEqual(
      bob.deeds().map(({ offset, delivery }) => [offset, delivery]),
      [
        [0, 2],
        [1, 2],
        [2, 2],
      ],
    )
    await bob.stop()
  })

  scenario('the messages of a member that hangs go to another when their lock runs out', async (client) => {
    const { topic, group } = await setUp(client, 1, { 'share.record.lock.duration.ms': '15000' })
    await produce(topic, ['hang a', 'ok b'])
    await using ann = await client.member(target.address, group, topic)
    await ann.line(/^hung/)
    await using bob = await client.member(target.address, group, topic)
    await bob.until(() => accepted([bob]).length === 2, 'two messages')
    await bob.stop()
    await ann.kill()
  })

  scenario('a member that takes its messages for done implicitly', async (client) => {
    const { topic, group } = await setUp(client)
    await produce(topic, range('ok', 5))
    await using ann = await client.member(target.address, group, topic, 'share.acknowledgement.mode=implicit')
    await ann.until(() => accepted([ann]).length === 5, 'five messages')
    await ann.stop()
    assert.deepEqual(await lags(client, group), [`${topic}-0 lag 0`])
  })

  scenario('administrators move, forget and delete', async (client) => {
    const { topic, group } = await setUp(client)
    await produce(topic, range('ok', 10))
    await using ann = await client.member(target.address, group, topic)
    await ann.until(() => accepted([ann]).length === 10, 'ten messages')
    const admin = (...command: string[]) => client.admin(target.address, ...command)
    assert.deepEqual(await admin('set-offset', group, topic, '0', '7'), ['failed GroupNotEmptyException'])
    assert.deepEqual(await admin('delete', group), ['failed GroupNotEmptyException'])
    await ann.stop()
    assert.deepEqual(await admin('set-offset', group, topic, '0', '7'), ['ok'])
    assert.deepEqual(await admin('offsets', group), [`${topic}-0 7 lag 3`, 'ok'])
    await using bob = await client.member(target.address, group, topic)
    await bob.until(() => accepted([bob]).length === 3, 'three messages')
    await bob.stop()
    assert.deepEqual(await admin('forget', group, topic), ['ok'])
    assert.deepEqual(await admin('offsets', group), ['ok'])
    assert.deepEqual(await admin('delete', group), ['ok'])
    assert.deepEqual(await admin('describe', group), ['failed GroupIdNotFoundException'])
    assert.deepEqual(await admin('delete', group), ['failed GroupIdNotFoundException'])
  })

  scenario('a broker that is killed loses nothing that was settled, and delivers the rest again', async (client) => {
    if (target.crash === undefined) return
    const { topic, group } = await setUp(client)
    await produce(topic, range('ok', 50))
    await using ann = await client.member(target.address, group, topic, 'max.poll.records=5')
    await ann.until(() => accepted([ann]).length >= 10, 'some messages')
    await target.crash()
    await produce(topic, range('more', 10))
    await ann.until(() => new Set(accepted([ann])).size === 60, 'all messages')
    assert.deepEqual(await lags(client, group), [`${topic}-0 lag 0`])
    await ann.stop()
  })
})
