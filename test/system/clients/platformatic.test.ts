import { Admin, Consumer, Producer } from '@platformatic/kafka'
import type { Connect, GroupMember, RealClient } from './scenario.ts'
import { describeClient } from './suite.ts'

const sendRecordCount = 2000
const closeMsMax = 20_000

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
      await ended('the producer', producer.close())
      await ended('the admin client', admin.close())
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
  stream.on('data', ({ key, value, partition, offset }) =>
    received({ key: key.toString(), value, partition, offset: Number(offset) }),
  )
  return {
    async stop() {
      await ended('a stream', stream.close())
      await ended('a consumer', consumer.close(true))
      if (fault !== undefined) throw fault
    },
  }
}

/**
 * Waits until something of the client is closed. Once in some hundred runs, on a busy machine, a close never ended although the broker had
 * answered every request, LeaveGroup among them: what the broker owes is checked by the scenario whether it ends or not.
 */
async function ended(what: string, closing: Promise<unknown>): Promise<void> {
  let timer: NodeJS.Timeout | undefined
  const patience = new Promise<'late'>((resolve) => (timer = setTimeout(() => resolve('late'), closeMsMax)))
  const outcome = await Promise.race([closing, patience])
  clearTimeout(timer)
  if (outcome === 'late') console.error(`@platformatic/kafka did not end closing ${what} within ${closeMsMax} ms`)
}

describeClient('@platformatic/kafka', connect)
