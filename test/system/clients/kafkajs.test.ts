import kafkajs from 'kafkajs'
import type { Consumer } from 'kafkajs'
import { compress, compressionNames, decompress } from '@polylog/wire/records'
import type { Connect, GroupMember, RealClient } from './scenario.ts'
import { describeClient } from './suite.ts'

const { CompressionCodecs, Kafka, logLevel, Partitioners } = kafkajs

const sendRecordCount = 2000
const openedBytesMax = 64 << 20

// kafkajs leaves these codecs to plug-ins.
const plugIns: Record<number, unknown> = CompressionCodecs
for (const name of ['snappy', 'lz4', 'zstd'] as const) {
  plugIns[compressionNames.indexOf(name)] = () => ({
    compress: async ({ buffer }: { buffer: Buffer }) => Buffer.from(compress(name, buffer)),
    decompress: async (bytes: Buffer) => Buffer.from(decompress(name, bytes, openedBytesMax)),
  })
}

const connect: Connect = async (address, codec): Promise<RealClient> => {
  const kafka = new Kafka({
    brokers: [address],
    logLevel: logLevel.NOTHING,
    retry: { initialRetryTime: 50, retries: 20 },
  })
  const admin = kafka.admin()
  await admin.connect()
  const producer = kafka.producer({ idempotent: true, createPartitioner: Partitioners.DefaultPartitioner })
  await producer.connect()
  return {
    async createTopic(topic, numPartitions) {
      await admin.createTopics({ topics: [{ topic, numPartitions }] })
    },
    async produce(topic, records) {
      const compression = compressionNames.indexOf(codec)
      for (let at = 0; at < records.length; at += sendRecordCount) {
        await producer.send({ topic, compression, messages: records.slice(at, at + sendRecordCount) })
      }
    },
    join(groupId, topic, received) {
      const times = { sessionTimeout: 30_000, heartbeatInterval: 200, maxWaitTimeInMs: 100 }
      return join(kafka.consumer({ groupId, ...times }), topic, received)
    },
    async close() {
      await producer.disconnect()
      await admin.disconnect()
    },
  }
}

async function join(
  consumer: Consumer,
  topic: string,
  received: Parameters<RealClient['join']>[2],
): Promise<GroupMember> {
  await consumer.connect()
  await consumer.subscribe({ topic, fromBeginning: true })
  await consumer.run({
    partitionsConsumedConcurrently: 3,
    eachBatch: async ({ batch, resolveOffset, heartbeat }) => {
      for (const { key, value, offset } of batch.messages) {
        received({ key: String(key), value: value!, partition: batch.partition, offset: Number(offset) })
        resolveOffset(offset)
      }
      await heartbeat()
    },
  })
  return { stop: () => consumer.disconnect() }
}

describeClient('kafkajs', connect)
