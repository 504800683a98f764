import type { BrokerSettings } from './config/broker-table.ts'
import type { Clock } from './host/clock.ts'
import { Cleaner } from './log/cleaner.ts'
import type { LogStore } from './log/store.ts'
import type { ReplicaManager } from './replica/replica-manager.ts'
import type { Logger } from './telemetry/logger.ts'

/** Begins to remove and to compact what the topics' settings say. */
export function startCleaner(parts: {
  readonly settings: BrokerSettings
  readonly store: LogStore
  readonly clock: Clock
  readonly logger: Logger
  readonly replicas: ReplicaManager
}): Cleaner {
  const { settings, store, clock, logger, replicas } = parts
  const cleaner = new Cleaner({
    store,
    clock,
    logger,
    settingsOf: (log) => replicas.settingsOf(log),
    retentionCheckIntervalMs: settings.retentionCheckIntervalMs,
    compactionIntervalMs: settings.compactionIntervalMs,
    mapBytesMax: settings.compactionMapBytes,
    producerIdExpirationMs: settings.producerIdExpirationMs,
  })
  cleaner.start()
  return cleaner
}
