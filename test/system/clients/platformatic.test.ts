import { Admin, Consumer, Producer } from '@platformatic/kafka'
import type { Connect, GroupMember, RealClient } from './scenario.ts'
import { describeClient } from './suite.ts'

const sendRecordCount = 2000

const connect: Connect = async (address, compression): Promise<RealClient> => {
  const base = { clientId: 'system-test', bootstrapBrokers: [address], retries: 20, retryDelay: 50 }
  const admin = new Admin(base)
  const producer = new Producer({ ...base, idempotent: true, compression })
  return {
    async createTopic(topic, partitions) {
      await admin.createTopics({ topics: [topic], partitions, replicas: 1 })
    },
    async produce(topic, records) {
      for (let at = 0; at < records.length; at += sendRecordCount) {
        const part = records.slice(at, at + sendRecordCount)
        await producer.send({ messages: part.map(({ key, value }) => ({ topic, key: Buffer.from(key), value })) })
      }
    },
    join(groupId, topic, received) {
      const times = { sessionTimeout: 30_000, heartbeatInterval: 200, maxWaitTime: 100 }
      return join(new Consumer({ ...base, groupId, ...times }), topic, received)
    },
    async close() {
      await producer.close()
      await admin.close()
    },
  }
}

async function join(
  consumer: Consumer,
  topic: string,
  received: Parameters<RealClient['join']>[2],
): Promise<GroupMember> {
  const stream = await consumer.consume({
    topics: [topic],
    mode: 'committed',
    fallbackMode: 'earliest',
    autocommit: 100,
  })
  let fault: Error | undefined
  stream.on('error', (error) => (fault ??= error))
  // A rejoin that fails is told here, and without a listener thrown in the middle of what the client does.
  consumer.on('error', (error: Error) => (fault ??= error))
  stream.on('data', ({ key, value, partition, offset }) =>
    received({ key: key.toString(), value, partition, offset: Number(offset) }),
  )
  return {
    async stop() {
      if (fault !== undefined) throw fault
      // What goes wrong from here on is what the closing itself cuts short; that all is committed, the scenario checks.
      await stream.close()
      await consumer.close(true)
    },
  }
}

describeClient('@platformatic/kafka', connect)
