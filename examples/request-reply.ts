// A question and its answer: what a handler returns goes back to who asked.
import { ClientError, connect, json } from '@polylog/client'
import { startBroker } from 'polylog'

await using broker = await startBroker()
await using client = await connect({ brokers: `${broker.kafka.host}:${broker.kafka.port}` })
await client.producer().send('sums', '[]') // makes the topic

await client
  .consumer('calculator')
  .topic('sums')
  .retry({ attempts: 1 })
  .start((message) => {
    const numbers: unknown = JSON.parse(String(message.value))
    if (!Array.isArray(numbers)) throw new Error('that is no list of numbers')
    return { sum: numbers.reduce((a: number, b: number) => a + b, 0) }
  })

const answer = await client.request('sums', '[1, 2, 3]', { timeoutMs: 10_000, reply: json<{ sum: number }>() })
console.log(answer.sum) // 6

const failure = await client.request('sums', '"none"', { timeoutMs: 10_000 }).catch((error: unknown) => error)
if (failure instanceof ClientError) console.log(failure.code) // request-failed
