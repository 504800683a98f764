import { deepEqual, equal, ok } from 'node:assert/strict'
import { it } from 'node:test'
import { SimulatedWorld } from '../host/simulated/simulated-world.ts'
import { buildBatch } from '../record/build.ts'
import { silentLogger } from '../telemetry/logger.ts'
import type { LogSettings } from './log.ts'
import { LogStore } from './store.ts'

const logCount = 40
const syncMs = 100
const settings: LogSettings = {
  durability: 'os',
  segmentBytes: 2 ** 30,
  segmentMs: 1e12,
  segmentJitterMs: 0,
  segmentIndexBytes: 10 << 20,
  indexIntervalBytes: 4096,
}

it('a start after a kill does not wait for one sync after the other (simulator S5)', async () => {
  const world = new SimulatedWorld(1)
  const node = world.node('one')
  const open = (): Promise<LogStore> =>
    world.scheduler.complete(
      LogStore.open({
        disk: node.host.disk,
        clock: node.host.clock,
        logger: silentLogger,
        directory: '/data',
        directoryId: new Uint8Array(16),
        settingsOf: () => settings,
        journalFileBytes: 1 << 16,
        directBytesMin: 1 << 17,
        tailMemoryBytesMax: 1 << 20,
        openFilesMax: 100,
        durable: (log) => log.onChange(),
      }),
    )
  const store = await open()
  for (let i = 0; i < logCount; i++) {
    const log = store.create(`log-${i}.x`, settings)
    log.append(buildBatch([{ key: null, value: Buffer.alloc(100) }], { baseTimestampMs: 1 }), true, 0)
  }
  await world.scheduler.run(() => [...store.logs()].every((log) => log.durableOffset === 1))
  node.killProcess()
  node.disk.times.syncMs = { min: syncMs, max: syncMs }
  const beganMs = world.scheduler.nowMs
  const again = await open()
  const tookMs = world.scheduler.nowMs - beganMs
  const logs = [...again.logs()]
  equal(logs.length, logCount)
  deepEqual(
    logs.filter((log) => log.endOffset !== 1 || log.syncedOffset !== 1),
    [],
  )
  // A log takes three: its segment, its folder, its name. One after the other that was 12.7 s.
  ok(tookMs < 1.5 * logCount * syncMs, `${tookMs} ms`)
})
