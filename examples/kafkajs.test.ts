// A test that has a real broker to itself: in this process, in memory, on a free port, gone when the test is over.
import { equal } from 'node:assert/strict'
import { test } from 'node:test'
import kafkajs from 'kafkajs'
import { startBroker } from 'polylog'

test('an order reaches the kitchen', async () => {
  await using broker = await startBroker()
  const { host, port } = broker.kafka
  const kafka = new kafkajs.Kafka({ brokers: [`${host}:${port}`], logLevel: kafkajs.logLevel.ERROR })

  const producer = kafka.producer({ idempotent: true, createPartitioner: kafkajs.Partitioners.DefaultPartitioner })
  await producer.connect()
  await producer.send({ topic: 'orders', messages: [{ key: 'alice', value: 'two coffees' }] })
  await producer.disconnect()

  const consumer = kafka.consumer({ groupId: 'kitchen', maxWaitTimeInMs: 100 })
  await consumer.connect()
  await consumer.subscribe({ topic: 'orders', fromBeginning: true })
  const order = await new Promise<string>((resolve, reject) => {
    consumer
      .run({ eachMessage: async ({ message }) => resolve(`${String(message.key)}: ${String(message.value)}`) })
      .catch(reject)
  })
  await consumer.disconnect()
  equal(order, 'alice: two coffees')
})
