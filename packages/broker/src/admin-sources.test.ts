import assert from 'node:assert/strict'
import { it } from 'node:test'
import { guardFacts } from './admin-sources.ts'
import { completeSettings } from './config/broker-settings.ts'

it('the guard of the API knows where the port listens and what the broker is called', () => {
  const settings = completeSettings({
    advertisedAddress: { host: 'Kafka.Example', port: 9092 },
    httpAddress: undefined,
  })
  const at = (host: string): boolean => guardFacts(settings, () => ({ host, port: 1 })).isLoopback()
  for (const host of ['127.0.0.1', '127.1.2.3', '::1', '::ffff:127.0.0.1']) assert.equal(at(host), true, host)
  for (const host of ['0.0.0.0', '::', '10.0.0.1', '127.0.0.1.example', '']) assert.equal(at(host), false, host)
  const facts = guardFacts(settings, () => undefined)
  assert.deepEqual([facts.isLoopback(), facts.isEnabled], [false, false])
  assert.deepEqual(facts.ownHosts, new Set(['127.0.0.1', 'kafka.example']))
})
