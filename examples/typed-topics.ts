// Topics with types. Any schema library that has Standard Schema fits (zod, valibot, arktype): `topic('orders', z.object(…))`.
// This example brings a schema of its own, so that it needs none of them.
import { ClientError, connect, topic } from '@polylog/client'
import type { StandardSchemaV1 } from '@polylog/client'
import { startBroker } from 'polylog'

interface Order {
  id: string
  cents: number
}

const orderSchema: StandardSchemaV1<Order> = {
  '~standard': {
    version: 1,
    vendor: 'example',
    validate(value) {
      const { id, cents } = value as Order
      if (typeof id !== 'string') return { issues: [{ message: 'must be text', path: ['id'] }] }
      if (!Number.isInteger(cents)) return { issues: [{ message: 'must be a whole number', path: ['cents'] }] }
      return { value: { id, cents } }
    },
  },
}
const orders = topic('orders', orderSchema)

await using broker = await startBroker()
await using client = await connect({ brokers: `${broker.kafka.host}:${broker.kafka.port}` })
const producer = client.producer()
await producer.send(orders, { value: { id: 'a1', cents: 250 } })

const refused = await producer.send(orders, { value: { id: 'a2', cents: 0.5 } }).catch((error: unknown) => error)
if (refused instanceof ClientError) console.log(refused.message) // the value does not fit topic "orders": cents: must be a whole number

await using queue = await client.consumer('billing').topic(orders).open()
const [order] = await queue.pull({ max: 1 })
console.log(order?.value.cents.toFixed(2)) // 250.00
await order?.accept()
