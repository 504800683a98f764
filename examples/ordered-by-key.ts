// Order where it matters: one message of a customer at a time, in the order in which they were sent; customers side by side.
import { connect } from '@polylog/client'
import { startBroker } from 'polylog'

await using broker = await startBroker({ partitionCountDefault: 3 })
await using client = await connect({ brokers: `${broker.kafka.host}:${broker.kafka.port}` })

const steps = ['ordered', 'paid', 'packed', 'shipped']
const producer = client.producer()
for (const value of steps) {
  for (const key of ['alice', 'bob', 'carol']) await producer.send('orders', { key, value })
}

const history = new Map<string, string[]>()
let handled = 0
await client
  .consumer('history')
  .topic('orders')
  .concurrency(10)
  .ordered()
  .start(async (message) => {
    const customer = String(message.key)
    await new Promise((resolve) => setTimeout(resolve, Math.random() * 5))
    history.set(customer, [...(history.get(customer) ?? []), String(message.value)])
    handled++
  })
while (handled < 12) await new Promise((resolve) => setTimeout(resolve, 10))
console.log(history.get('bob')?.join(' > ')) // ordered > paid > packed > shipped
