import kafkajs from 'kafkajs'
import type { ClientJob, MessageClient, ReceiverEvents, Receivers, Sender } from './client.ts'
import { StampedValues, stampOf } from './stamp.ts'

function kafkaOf({ address: { host, port } }: ClientJob): kafkajs.Kafka {
  return new kafkajs.Kafka({ brokers: [`${host}:${port}`], logLevel: kafkajs.logLevel.NOTHING })
}

/** kafkajs: arrays of messages; `eachBatch`, because `eachMessage` makes a promise of each. */
export const kafkaJs: MessageClient = {
  async openSender(job: ClientJob): Promise<Sender> {
    const producer = kafkaOf(job).producer({ createPartitioner: kafkajs.Partitioners.DefaultPartitioner })
    await producer.connect()
    const values = new StampedValues(job.valueBytes)
    return {
      async send(count, sentAtMs) {
        const messages = Array.from({ length: count }, () => ({ value: values.next(sentAtMs) }))
        await producer.send({ topic: job.queue, acks: -1, messages })
      },
      close: () => producer.disconnect(),
    }
  },

  async openReceivers(job: ClientJob, { delivered, failed }: ReceiverEvents): Promise<Receivers> {
    const consumer = kafkaOf(job).consumer({ groupId: job.group, maxWaitTimeInMs: 100 })
    let acceptedCount = 0
    await consumer.connect()
    await consumer.subscribe({ topic: job.queue, fromBeginning: true })
    consumer.on('consumer.crash', ({ payload }) => failed(payload.error))
    await consumer.run({
      eachBatch: async ({ batch }) => {
        for (const { value } of batch.messages) delivered(stampOf(value!))
        acceptedCount += batch.messages.length
      },
    })
    return {
      get acceptedCount() {
        return acceptedCount
      },
      close: () => consumer.disconnect(),
    }
  },
}
