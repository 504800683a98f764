import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { ClientContext } from '../client-context.ts'
import { ClientError } from '../client-error.ts'
import { ReceivedMessage } from '../consumer/queue-message.ts'
import { headerNames } from '../header-names.ts'
import type { OutgoingMessage } from '../outgoing-message.ts'
import { ControlledEnvironment } from '../testing/controlled-environment.ts'
import { answer } from './answers.ts'
import { replyTopicPrefix } from './reply-topic.ts'

/** A request, and what was sent because of it. */
function asked(): { context: ClientContext; request: ReceivedMessage<unknown>; sent: OutgoingMessage[] } {
  const sent: OutgoingMessage[] = []
  const context = {
    environment: new ControlledEnvironment(),
    backoff: { initialMs: 1, maxMs: 1 },
    cluster: { topicWhenThere: async () => undefined },
    tracing: undefined,
    producer: () => ({ send: async (_: string, message: OutgoingMessage) => void sent.push(message) }),
  } as unknown as ClientContext
  const headers = [
    { key: headerNames.replyTo, value: Buffer.from(`${replyTopicPrefix}1`) },
    { key: headerNames.correlationId, value: Buffer.from('7') },
  ]
  const record = { topic: 't', partition: 0, offset: 0, timestampMs: 0, key: null, value: null, headers }
  return { context, request: new ReceivedMessage(record, undefined), sent }
}

describe('the answer to a request', () => {
  const answers: [result: unknown, value: string | null][] = [
    [undefined, null],
    ['text', 'text'],
    [{ sum: 6 }, '{"sum":6}'],
    [0, '0'],
  ]
  for (const [result, value] of answers) {
    it(`is ${value} for ${JSON.stringify(result)}`, async () => {
      const { context, request, sent } = asked()
      await answer(context, request, result)
      assert.deepEqual(sent, [{ value, headers: { [headerNames.correlationId]: '7' } }])
    })
  }

  const impossible: [name: string, result: unknown, pattern: RegExp][] = [
    ['a bigint', { n: 10n }, /cannot be written as JSON: TypeError: .*BigInt/],
    ['a function', () => 1, /cannot be written as JSON: it is a function/],
  ]
  for (const [name, result, pattern] of impossible) {
    it(`is that there is none where the handler returned ${name}: nobody waits for it in vain`, async () => {
      const { context, request, sent } = asked()
      await assert.rejects(answer(context, request, result), (error) => {
        return error instanceof ClientError && error.code === 'invalid-value' && pattern.test(error.message)
      })
      assert.equal(sent.length, 1)
      assert.equal(sent[0]!.value, null)
      assert.match(String(sent[0]!.headers?.[headerNames.error]), pattern)
    })
  }

  // The broker refused the answer, the consumer was told, and whoever had asked waited until its time-out.
  it('is that it was refused where it is too large for the broker', async () => {
    const { context, request, sent } = asked()
    const tooLarge = new ClientError('refused', 'the batch has 9 bytes, 5 are allowed', { kafkaCode: 10 })
    const send = async (_: string, message: OutgoingMessage) => {
      if (message.value !== null) throw tooLarge
      sent.push(message)
    }
    const small = { ...context, producer: () => ({ send }) } as unknown as ClientContext
    await assert.rejects(answer(small, request, 'long text'), tooLarge)
    assert.equal(sent.length, 1)
    assert.match(String(sent[0]!.headers?.[headerNames.error]), /the answer was refused: the batch has 9 bytes, 5 are/)
  })
})
