import assert from 'node:assert/strict'
import { test } from 'node:test'
import { createNodeHost } from './host/node/node-host.ts'
import { TestClient } from './kafka/testing/test-client.ts'
import { startBroker } from './mod.ts'
import type { LogFields } from './telemetry/logger.ts'

test('strangers that send garbage in a loop do not fill the log, which says how many they were', async () => {
  const lines: { event: string; fields: LogFields }[] = []
  const note = (event: string, fields: LogFields = {}) => lines.push({ event, fields })
  const logger = { debug: () => undefined, info: note, warn: note, error: note }
  const broker = await startBroker({ logger, offsetsPartitionCount: 1 })
  const host = createNodeHost()
  const knock = async (): Promise<void> => {
    const client = await TestClient.connect(host, broker.kafka)
    client.send(Buffer.from('GET / HTTP/1.1\r\n\r\n'))
    await client.closedByBroker
  }
  await Promise.all(Array.from({ length: 50 }, knock))
  await broker.stop()
  const event = 'kafka request of impossible size'
  const shown = lines.filter((line) => line.event === event).length
  const leftOut = lines.filter(({ fields }) => fields['of'] === event).map(({ fields }) => Number(fields['count']))
  assert.equal(shown + leftOut.reduce((sum, count) => sum + count, 0), 50)
  assert.ok(shown < 50, `${shown} lines`)
})
