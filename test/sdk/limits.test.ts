// What is too large for the broker: it fails at once, with its size and the limit.
import { equal, match, ok, rejects } from 'node:assert/strict'
import { describe, it } from 'node:test'
import { ClientError, connect } from '@polylog/client'
import { startBroker } from '../../packages/broker/src/mod.ts'

const mib = 1024 * 1024
/** Above `socket.request.max.bytes`: the broker closes the connection. */
const larger = Buffer.alloc(17 * mib)

function isTooLarge(error: unknown): boolean {
  ok(error instanceof ClientError)
  equal(error.errorName, 'MESSAGE_TOO_LARGE')
  match(
    error.message,
    /the batch has 178\d{5} bytes, a request to broker \d+ may have 16777216 \(socket.request.max.bytes\)/,
  )
  return true
}

describe('what is too large for a request', () => {
  // It was sent again and again until its time-out, and each time the connection was lost to all who used it.
  it('a message is refused at once, and what was sent at the same time is stored', async () => {
    await using broker = await startBroker()
    await using client = await connect({ brokers: `${broker.kafka.host}:${broker.kafka.port}` })
    const producer = client.producer()
    await producer.send('t', 'first')
    const sending = producer.send('t', larger)
    const other = producer.send('other', 'small')
    await rejects(sending, isTooLarge)
    equal((await other).offset, 0)
    equal((await producer.send('t', 'next')).offset, 1)
  })

  it('a request whose answer is too large fails at once', async () => {
    await using broker = await startBroker()
    await using client = await connect({ brokers: `${broker.kafka.host}:${broker.kafka.port}` })
    const reported: unknown[] = []
    const onError = (error: unknown): void => void reported.push(error)
    const common = { topic: 't', createTopics: true, onError } as const
    await client.consume({ group: 'queue', ...common }, () => larger)
    await rejects(client.request('t', 'question', { timeoutMs: 60_000 }), {
      code: 'request-failed',
      message: /answered: the answer was refused: .* may have 16777216 \(socket.request.max.bytes\)/,
    })
    ok(isTooLarge(reported[0]))
  })
})
