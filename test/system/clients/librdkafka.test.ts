import type { Binding, KafkaConsumer, KafkaProducer } from './librdkafka/binding.ts'
import { collectGarbage } from './librdkafka/collect-garbage.ts'
import { installLibrdkafka } from './librdkafka/install.ts'
import type { Connect, GroupMember, RealClient } from './scenario.ts'
import { describeClient, skipClient } from './suite.ts'

const sendRecordCount = 2000
const receiveRecordCount = 1000
const commitIntervalMs = 200

function connectWith({ KafkaClient }: Binding): Connect {
  return async (address, codec): Promise<RealClient> => {
    const client = new KafkaClient({ brokers: address, clientId: 'system-test', logLevel: 'none' })
    let producer: KafkaProducer | undefined = client.createProducer({
      configuration: { 'enable.idempotence': true, 'compression.codec': codec, 'linger.ms': 5, partitioner: 'murmur2' },
    })
    return {
      async createTopic(topic, numPartitions) {
        // The binding makes topics as a part of subscribing to them, through librdkafka's CreateTopics.
        const maker = client.createConsumer({ groupId: 'topic-maker', configuration: {} })
        await maker.subscribe([{ topic, createTopic: true, numPartitions, replicas: 1 }])
        await maker.disconnect()
      },
      async produce(topic, records) {
        for (let at = 0; at < records.length; at += sendRecordCount) {
          const part = records.slice(at, at + sendRecordCount)
          const messages = part.map(({ key, value }) => ({ key: Buffer.from(key), payload: value }))
          await producer!.send({ topic, messages })
        }
      },
      async join(groupId, topic, received) {
        const consumer = client.createConsumer({
          groupId,
          enableAutoCommit: false,
          configuration: {
            'auto.offset.reset': 'earliest',
            'heartbeat.interval.ms': 200,
            'session.timeout.ms': 6000,
            'fetch.wait.max.ms': 100,
          },
        })
        await consumer.subscribe(topic)
        return read(consumer, topic, received)
      },
      async close() {
        producer = undefined
        await collectGarbage()
      },
    }
  }
}

function read(consumer: KafkaConsumer, topic: string, received: Parameters<RealClient['join']>[2]): GroupMember {
  let stopping = false
  const reading = (async () => {
    const next = new Map<number, number>()
    let committedMs = performance.now()
    while (!stopping || next.size > 0) {
      const records = await consumer.recvBatch(receiveRecordCount, 50)
      for (const { key, payload, partition, offset } of records) {
        received({ key: key!.toString(), value: payload, partition, offset })
        next.set(partition, offset + 1)
      }
      if (records.length > 0 && performance.now() < committedMs + commitIntervalMs) continue
      for (const partition of assigned(consumer)) {
        if (next.has(partition)) await commit(consumer, topic, partition, next.get(partition)!)
      }
      next.clear()
      committedMs = performance.now()
    }
  })()
  return {
    async stop() {
      stopping = true
      await reading
      consumer.unsubscribe()
      await consumer.disconnect()
    },
  }
}

/** Partitions that a rebalance took away must not be committed: their new owner may be further already. */
function assigned(consumer: KafkaConsumer): number[] {
  return consumer.assignment().flatMap(({ partitionOffset }) => partitionOffset.map(({ partition }) => partition))
}

/** A commit that a rebalance crosses is refused; whoever gets the partition is then given those records again. */
async function commit(consumer: KafkaConsumer, topic: string, partition: number, offset: number): Promise<void> {
  try {
    await consumer.commit(topic, partition, offset, 'Sync')
  } catch (error) {
    if (!/rebalance|generation|unknown member/i.test(String(error))) throw error
  }
}

const name = 'librdkafka (kafka-crab-js)'
const installed = installLibrdkafka()
if ('module' in installed) {
  const binding = (await import(installed.module)) as Binding
  // Its librdkafka is built without zstd; kcat.test.ts has that.
  describeClient(name, connectWith(binding), ['none', 'gzip', 'snappy', 'lz4'])
} else skipClient(name, installed.reason)
