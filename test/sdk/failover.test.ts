// The SDK against three brokers in this process, of which one is killed: what it led goes on elsewhere.
import { deepEqual, equal } from 'node:assert/strict'
import { describe, it } from 'node:test'
import { connect } from '@polylog/client'
import { Cluster, createTopic } from '@polylog/client/admin'
import { InProcessCluster } from '../../packages/broker/src/cluster.fixture.ts'

async function until(condition: () => boolean): Promise<void> {
  while (!condition()) await new Promise((resolve) => setTimeout(resolve, 10))
}

describe('three brokers', () => {
  it('producer, queue and group outlive the broker that leads and coordinates; nothing is lost, sent twice or stuck', async () => {
    await using brokers = await InProcessCluster.open(3, { sessionTimeoutMs: 3000 })
    await brokers.start()
    {
      await using cluster = new Cluster({ brokers: brokers.addresses })
      await createTopic(cluster, { name: 'jobs', partitionCount: 3, replicationFactor: 3 })
    }
    await using client = await connect({ brokers: brokers.addresses, topics: ['jobs'], requestTimeoutMs: 5000 })
    const queued: string[] = []
    const queue = client.consumer('workers').topic('jobs').concurrency(4)
    await queue.start((message) => void queued.push(String(message.value)))
    const read = new Map<string, number>()
    await client.subscribe({ group: 'readers', topic: 'jobs', concurrency: 3, commitIntervalMs: 50 }, (message) => {
      read.set(`${message.partition}/${message.offset}`, Number(message.value))
    })
    const producer = client.producer()
    const sending: Promise<unknown>[] = []
    let sent = 0
    const send = (count: number): void => {
      for (let i = 0; i < count; i++) {
        const value = String(sent++)
        sending.push(producer.send('jobs', { key: `k${sent % 11}`, value }))
      }
    }
    send(100)
    await until(() => queued.length >= 50 && read.size >= 50)
    send(50)
    await brokers.members[0]!.kill()
    send(50)
    await Promise.all(sending)
    send(50)
    await Promise.all(sending)
    await until(() => new Set(queued).size === 250 && read.size === 250)
    // Each is in the log once, whatever was sent again.
    equal(new Set(read.values()).size, 250)
    deepEqual(
      [...new Set(queued)].map(Number).toSorted((a, b) => a - b),
      Array.from({ length: 250 }, (_, i) => i),
    )
  })
})
