import { MetricsRegistry } from '../../telemetry/metrics.ts'
import type { AdminSources } from '../admin-handler.ts'

/** What the HTTP port shows of a broker that is well, stands alone and asks nobody to log in. */
export function adminSources(changes: Partial<AdminSources> = {}): AdminSources {
  return {
    version: '0.1.0',
    metrics: new MetricsRegistry(),
    kafka: () => '127.0.0.1:9092',
    dataDirectory: '/data',
    findUnreadiness: () => undefined,
    findDeath: () => undefined,
    cluster: () => undefined,
    guard: { isLoopback: () => true, isEnabled: false, ownHosts: new Set() },
    ...changes,
  }
}
