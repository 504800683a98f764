import { rejects } from 'node:assert/strict'
import { it } from 'node:test'
import { BrokerStorage } from './broker-storage.ts'
import { completeSettings } from './config/broker-settings.ts'
import { SimulatedWorld } from './host/simulated/simulated-world.ts'
import { silentLogger } from './telemetry/logger.ts'

it('a start on a full disk says so and what to do, and the next one with room works', async () => {
  const world = new SimulatedWorld(1)
  const { scheduler } = world
  const node = world.node('one')
  const settings = completeSettings({ dataDirectory: 'data' })
  const parts = { host: node.host, logger: silentLogger, settings, metadata: undefined, openHttpClient: undefined }
  const open = (): Promise<BrokerStorage> =>
    scheduler.complete(BrokerStorage.open({ ...parts, synced: () => undefined, poisonsMemory: true }))
  await scheduler.complete((await open()).close())
  const { freeBytes, totalBytes } = node.host.disk.space('.')
  node.disk.setCapacity(totalBytes - freeBytes)
  await rejects(open, { code: 'storage', message: /no space left.*: a start needs room .* make room and start again/ })
  node.disk.setCapacity(totalBytes)
  await scheduler.complete((await open()).close())
})
