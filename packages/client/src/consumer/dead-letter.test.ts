import assert from 'node:assert/strict'
import { it } from 'node:test'
import type { ClientContext } from '../client-context.ts'
import type { OutgoingMessage } from '../outgoing-message.ts'
import { ControlledEnvironment } from '../testing/controlled-environment.ts'
import { bury } from './dead-letter.ts'

// Those of the broker did, those that the SDK writes itself had errors of any length.
it('a dead letter holds 256 bytes of the reason at most, cut between characters', async () => {
  const sent: OutgoingMessage[] = []
  const context = {
    environment: new ControlledEnvironment(),
    backoff: { initialMs: 1, maxMs: 1 },
    tracing: undefined,
    producer: () => ({ send: async (_: string, message: OutgoingMessage) => void sent.push(message) }),
  } as unknown as ClientContext
  const record = { topic: 't', partition: 0, offset: 0, timestampMs: 0, key: null, value: null, headers: [] }
  const burial = { topic: 'dead', record, deliveryCount: 1, group: 'g', reason: `${'x'.repeat(255)}é and more` }
  const report = (error: unknown): void => assert.fail(String(error))
  await bury(context, burial, { report, signal: new AbortController().signal, isWanted: () => true })
  assert.equal(sent[0]!.headers?.['polylog.dead.reason'], 'x'.repeat(255))
})
