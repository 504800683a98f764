// A test that embeds the broker: in this process, in memory, on a free port, gone when the test is over.
import { deepEqual } from 'node:assert/strict'
import { test } from 'node:test'
import { connect } from '@polylog/client'
import type { Client } from '@polylog/client'
import { startBroker } from 'polylog'

/** What is tested: sends a welcome to everybody who signs up. */
async function welcome(client: Client, send: (address: string) => void): Promise<void> {
  await client
    .consumer('welcome')
    .topic('sign-ups')
    .tags('new')
    .start((message) => send(String(message.value)))
}

test('new members are welcomed, each once', async () => {
  await using broker = await startBroker()
  await using client = await connect({ brokers: `${broker.kafka.host}:${broker.kafka.port}` })
  const producer = client.producer()
  await producer.sendBatch('sign-ups', [
    { value: 'alice@example.org', tags: ['new'] },
    { value: 'bob@example.org', tags: ['returning'] },
    { value: 'carol@example.org', tags: ['new'] },
  ])
  const sent: string[] = []
  await welcome(client, (address) => sent.push(address))
  while (sent.length < 2) await new Promise((resolve) => setTimeout(resolve, 5))
  deepEqual(sent.toSorted(), ['alice@example.org', 'carol@example.org'])
})
