import { deepEqual, equal, ok } from 'node:assert/strict'
import { Cluster, committedOffsets, describeGroup } from '@polylog/client/admin'
import type { CommittedOffset } from '@polylog/client/admin'
import { BrokerProcess } from '../broker-process.ts'
import { until } from '../wait.ts'
import type { Compression } from '@polylog/wire/records'
import { Collector, recordAt } from './collector.ts'
import type { ReceivedRecord, TestRecord } from './collector.ts'
import { storedCodecs } from './stored-codecs.ts'

/** A consumer that is a member of a group. */
export interface GroupMember {
  /** Commits what it has been given, and leaves. */
  stop(): Promise<void>
}

/** What the scenario needs of a real client, unmodified. */
export interface RealClient {
  createTopic(topic: string, partitionCount: number): Promise<void>
  /** Sends all records, in order per key, and resolves once all are acknowledged. */
  produce(topic: string, records: readonly TestRecord[]): Promise<void>
  /** Joins the group; from the earliest offset where nothing is committed. Need not wait until it is a member. */
  join(groupId: string, topic: string, received: (record: ReceivedRecord) => void): Promise<GroupMember>
  close(): Promise<void>
}

/** Makes a client of the broker at this address, whose producer compresses with the codec. */
export type Connect = (address: string, codec: Compression) => Promise<RealClient>

const topic = 'orders'
const groupId = 'billing'
const partitionCount = 6

/**
 * The main job: create a topic, produce `count` keyed records, read them in a group of three through a rebalance,
 * survive kill -9 of the broker, go on from the committed offsets. Same bytes, no loss, order per key.
 */
export async function runScenario(connect: Connect, codec: Compression, count: number): Promise<void> {
  await using broker = await BrokerProcess.start()
  try {
    const collector = new Collector()
    const records = Array.from({ length: count }, (_, i) => recordAt(i))
    await beforeKill(broker, await connect(broker.address, codec), collector, records.slice(0, count / 2))
    const committed = await offsetsOf(broker)
    equal(
      committed.reduce((sum, { offset }) => sum + offset, 0),
      count / 2,
      'members that stopped in good order have committed all they were given',
    )
    await broker.kill()
    await broker.restart()
    deepEqual(await offsetsOf(broker), committed, 'committed offsets after kill -9')
    await afterKill(broker, await connect(broker.address, codec), collector, records.slice(count / 2))
    collector.check(count)
    const stored = await storedCodecs(broker.address, topic)
    ok(stored.includes(codec), `the broker stores batches compressed with ${stored.join(', ')}`)
    // librdkafka sends a batch as it is when compression would make it larger.
    deepEqual(
      stored.filter((other) => other !== codec && other !== 'none'),
      [],
    )
  } catch (error) {
    throw new Error(`${String(error)}\nLog of the broker:\n${broker.log.slice(-4000)}`, { cause: error })
  }
}

async function beforeKill(
  broker: BrokerProcess,
  client: RealClient,
  collector: Collector,
  records: readonly TestRecord[],
): Promise<void> {
  const early = records.length / 2
  await using members = new Members(client, collector)
  await client.createTopic(topic, partitionCount)
  await client.produce(topic, records.slice(0, early))
  await Promise.all([members.add(), members.add()])
  await until('two members read', () => collector.size > 0)
  // The third makes the group rebalance while the others are at work.
  await members.add()
  await untilMembers(broker, 3)
  await client.produce(topic, records.slice(early))
  await finish(collector, records.length, () => collector.counts)
  await members.stop(broker)
}

async function afterKill(
  broker: BrokerProcess,
  client: RealClient,
  collector: Collector,
  records: readonly TestRecord[],
): Promise<void> {
  const repeatedBefore = collector.repeated.length
  const memberCountBefore = collector.counts.length
  await using members = new Members(client, collector)
  await Promise.all([members.add(), members.add(), members.add()])
  await untilMembers(broker, 3)
  await client.produce(topic, records)
  await finish(collector, records.length * 2, () => collector.counts.slice(memberCountBefore))
  // Until here nobody has joined or left since records flow, so that nothing may have come twice.
  deepEqual(collector.repeated.slice(repeatedBefore), [], 'records that came again although nobody came or went')
  await members.stop(broker)
}

/** The members of the group that one client makes, and the client itself; whatever happens, none of them stays. */
class Members {
  readonly #client: RealClient
  readonly #collector: Collector
  readonly #members: GroupMember[] = []

  constructor(client: RealClient, collector: Collector) {
    this.#client = client
    this.#collector = collector
  }

  async add(): Promise<void> {
    this.#members.push(await this.#client.join(groupId, topic, this.#collector.receiver()))
  }

  /**
   * One after the other, the next once the others have shared out what the last one left: a client that stops in the middle of a
   * rebalance may have its last commit refused, with Apache Kafka as well.
   */
  async stop(broker: BrokerProcess): Promise<void> {
    while (this.#members.length > 0) {
      await this.#members.pop()!.stop()
      if (this.#members.length > 0) await untilMembers(broker, this.#members.length)
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    // Members are left here only after a failure, which is what the test reports.
    await Promise.allSettled(this.#members.map((member) => member.stop()))
    await this.#client.close()
  }
}

async function finish(collector: Collector, count: number, counts: () => readonly number[]): Promise<void> {
  const progress = (): string => `${collector.size} of ${count} records arrived; by member: ${counts().join(', ')}`
  await until(progress, () => collector.size >= count || collector.fault !== undefined)
  if (collector.fault !== undefined) throw collector.fault
  ok(
    counts().every((received) => received > 0),
    `each member has a share; by member: ${counts().join(', ')}`,
  )
}

async function untilMembers(broker: BrokerProcess, count: number): Promise<void> {
  await using cluster = new Cluster({ brokers: broker.address })
  let seen = ''
  await until(
    () => `the group has ${count} members with partitions; it is ${seen}`,
    async () => {
      const { state, members } = await describeGroup(cluster, groupId)
      seen = `${state} with ${members.length}`
      return state === 'Stable' && members.length === count && members.every(({ assigned }) => assigned.length > 0)
    },
  )
}

async function offsetsOf(broker: BrokerProcess): Promise<CommittedOffset[]> {
  await using cluster = new Cluster({ brokers: broker.address })
  return await committedOffsets(cluster, groupId)
}
