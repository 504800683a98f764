// Send, receive, done. The broker runs in this process; to use one that runs elsewhere, leave startBroker out.
import { connect } from '@polylog/client'
import { startBroker } from 'polylog'

await using broker = await startBroker()
await using client = await connect({ brokers: `${broker.kafka.host}:${broker.kafka.port}` })

const producer = client.producer()
await producer.send('greetings', 'hello') // resolves when it is stored

await using queue = await client.consumer('readers').topic('greetings').open()
const [message] = await queue.pull({ max: 1 })
console.log(String(message?.value), message?.deliveryCount) // hello 1
await message?.accept()
