// What cannot be done is kept: after three deliveries a message goes to a topic of its own, and back when the cause is cured.
import { connect } from '@polylog/client'
import { startBroker } from 'polylog'

await using broker = await startBroker()
await using client = await connect({ brokers: `${broker.kafka.host}:${broker.kafka.port}` })
const producer = client.producer()
await producer.send('invoices', { key: 'alice', value: 'pay 5 EUR' })
await producer.send('invoices.dead', { value: 'a first one, so that the topic is there' })

let bankIsOpen = false
const paid: string[] = []
await client
  .consumer('bank')
  .topic('invoices')
  .retry({ attempts: 3, initialMs: 10, maxMs: 20 })
  .deadLetter('invoices.dead')
  .start((message) => {
    if (!bankIsOpen) throw new Error('the bank is closed')
    paid.push(String(message.value))
  })

// Redrive: each dead letter goes back to the topic it came from, under its id and its key.
await using dead = await client.consumer('redrive').topic('invoices.dead').open()
for await (const letter of dead) {
  const topic = letter.header('polylog.dead.topic')
  if (topic !== undefined) {
    console.log(letter.header('polylog.dead.deliveries'), 'deliveries in', topic) // 3 deliveries in invoices
    bankIsOpen = true
    const { id, key, value } = letter
    await producer.send(topic, id === undefined ? { key, value } : { id, key, value })
  }
  // Accepted only now: a crash before this line sends it twice, never not at all.
  await letter.accept()
  if (topic !== undefined) break
}
while (paid.length === 0) await new Promise((resolve) => setTimeout(resolve, 10))
console.log(paid[0]) // pay 5 EUR
