// @platformatic/kafka against a broker on disk in this process. To use one that runs elsewhere, leave startBroker out and
// name its address.
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Consumer, Producer, stringDeserializers, stringSerializers } from '@platformatic/kafka'
import { startBroker } from 'polylog'

const dataDirectory = await mkdtemp(join(tmpdir(), 'polylog-example-'))
{
  await using broker = await startBroker({ dataDirectory, partitionCountDefault: 3 })
  const base = { clientId: 'example', bootstrapBrokers: [`${broker.kafka.host}:${broker.kafka.port}`] }

  const producer = new Producer({ ...base, idempotent: true, autocreateTopics: true, serializers: stringSerializers })
  const words = ['one', 'two', 'three']
  await producer.send({ messages: words.map((value, i) => ({ topic: 'numbers', key: String(i + 1), value })) })
  await producer.close()

  const consumer = new Consumer({ ...base, groupId: 'readers', maxWaitTime: 100, deserializers: stringDeserializers })
  const stream = await consumer.consume({
    topics: ['numbers'],
    mode: 'committed',
    fallbackMode: 'earliest',
    autocommit: 100,
  })
  const received: string[] = []
  for await (const { key, value } of stream) {
    received.push(`${key}=${value}`)
    if (received.length === words.length) break
  }
  await stream.close()
  await consumer.close(true)
  console.log(received.toSorted().join(' ')) // 1=one 2=two 3=three
}
await rm(dataDirectory, { recursive: true })
