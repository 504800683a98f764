import { NodeClock } from '../host/node/node-clock.ts'
import { silentLogger } from '../telemetry/logger.ts'
import type { LogStoreOptions } from './store.ts'
import { LogStore } from './store.ts'

type Given = Pick<
  LogStoreOptions,
  'disk' | 'settingsOf' | 'journalFileBytes' | 'directBytesMin' | 'tailMemoryBytesMax'
> &
  Partial<LogStoreOptions>

/** A store in `/data` under real time, whose logs tell of what becomes durable. */
export function openStoreOf(given: Given): Promise<LogStore> {
  return LogStore.open({
    clock: new NodeClock(),
    logger: silentLogger,
    directory: '/data',
    directoryId: new Uint8Array(16),
    openFilesMax: 100,
    durable: (log) => log.onChange(),
    ...given,
  })
}
