// The same SDK against Apache Kafka, where its jars are installed (`npm run bench -- --install kafka` brings them) and Java is.
import { deepEqual, equal } from 'node:assert/strict'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { homedir, tmpdir } from 'node:os'
import { join } from 'node:path'
import { it } from 'node:test'
import { connect, json } from '@polylog/client'
import { Cluster, createTopic } from '@polylog/client/admin'
import { freePort } from '../../bench/harness/process.ts'
import { start } from '../../bench/rivals/kafka.ts'

const isInstalled = existsSync(join(homedir(), '.cache/polylog-bench/kafka-4.4.0/jars'))
const skip = isInstalled ? false : 'the jars of Apache Kafka are not in ~/.cache/polylog-bench'

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 10))
}

it('Apache Kafka: queues, retries, dead letters, tags, requests and consumer groups', { skip }, async () => {
  const folder = mkdtempSync(join(tmpdir(), 'polylog-kafka-'))
  const port = await freePort()
  const kafka = await start({ dataDirectory: folder, port })
  try {
    const brokers = `127.0.0.1:${port}`
    {
      await using cluster = new Cluster({ brokers })
      for (const name of ['jobs', 'jobs.dead', 'questions']) await createTopic(cluster, { name, partitionCount: 2 })
    }
    await using client = await connect({ brokers, topics: ['jobs'] })
    const producer = client.producer({ compression: 'gzip' })
    const values = Array.from({ length: 20 }, (_, i) => String(i))
    await producer.sendBatch(
      'jobs',
      values.map((value) => ({ value, key: value, tags: ['wanted'] })),
    )
    await producer.send('jobs', { value: 'not wanted', tags: ['other'] })
    await producer.send('jobs', { value: 'bad', tags: ['wanted'] })
    const seen: string[] = []
    const consumer = await client
      .consumer('workers')
      .topic('jobs')
      .tags('wanted')
      .concurrency(4)
      .retry({ attempts: 2, initialMs: 50, maxMs: 50 })
      .deadLetter('jobs.dead')
      .start((message) => {
        seen.push(`${String(message.value)} ${message.deliveryCount}`)
        if (String(message.value) === 'bad') throw new Error('no')
      })
    await until(() => consumer.counts.accepted === 20 && consumer.counts.rejected === 1)
    deepEqual(seen.toSorted(), [...values.map((value) => `${value} 1`), 'bad 1', 'bad 2'].toSorted())
    equal(consumer.counts.filtered, 1)

    const dead = await client.consumer('undertaker').topic('jobs.dead').open()
    const [letter] = await dead.pull({ waitMs: 60_000 })
    equal(letter?.header('polylog.dead.deliveries'), '2')
    await letter?.renew()
    await letter?.accept()

    await client
      .consumer('echo')
      .topic('questions')
      .start((message) => ({ said: String(message.value) }))
    const reply = json<{ said: string }>()
    equal((await client.request('questions', 'hello', { timeoutMs: 60_000, reply })).said, 'hello')

    const read = new Set<string>()
    const subscription = await client.subscribe(
      { group: 'readers', topic: 'jobs' },
      (message) => void read.add(String(message.value)),
    )
    await until(() => read.size === 22)
    await subscription.close()
  } finally {
    await kafka.stop()
    rmSync(folder, { recursive: true, force: true })
  }
})
