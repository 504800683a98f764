import type { Clock } from '../../packages/broker/src/host/clock.ts'
import type { Disk } from '../../packages/broker/src/host/disk.ts'
import type { Log, LogSettings } from '../../packages/broker/src/log/log.ts'
import type { LogStoreOptions } from '../../packages/broker/src/log/store.ts'
import { silentLogger } from '../../packages/broker/src/telemetry/logger.ts'

/** Everything small, so that a short trace rolls, trims and evicts often and a state is quickly built and read. */
export const directBytesMin = 3000
const directoryId = Uint8Array.from({ length: 16 }, (_, i) => i + 1)

/** Logs whose names begin with "os" promise nothing at a loss of power. */
export function settingsOf(name: string): LogSettings {
  const durability = name.startsWith('os') ? 'os' : 'fsync'
  return {
    durability,
    segmentBytes: 6000,
    segmentMs: 1e12,
    indexIntervalBytes: 1024,
    segmentJitterMs: 0,
    segmentIndexBytes: 1 << 20,
  }
}

export function storeOptions(disk: Disk, clock: Clock, durable: (log: Log) => void): LogStoreOptions {
  return {
    disk,
    clock,
    logger: silentLogger,
    directory: '/data/store',
    directoryId,
    settingsOf,
    journalFileBytes: 4096,
    directBytesMin,
    tailMemoryBytesMax: 24_000,
    poisonsMemory: true,
    openFilesMax: 8,
    durable,
  }
}
