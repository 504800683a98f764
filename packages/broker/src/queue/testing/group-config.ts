import type { GroupQueueConfig } from '../group-queue-config.ts'

/** Settings for tests: the defaults, but for what is given. */
export function testGroupConfig(given: Partial<GroupQueueConfig> = {}): GroupQueueConfig {
  return {
    offsetReset: { kind: 'earliest' },
    lockDurationMs: 30_000,
    heartbeatIntervalMs: 5_000,
    sessionTimeoutMs: 45_000,
    isolation: 'read-uncommitted',
    deliveryCountMax: 5,
    lockCountMax: 2_000,
    retryBackoffMs: 0,
    retryBackoffMsMax: 60_000,
    deadLetterTopic: undefined,
    messageTtlMs: undefined,
    tagFilter: '',
    headerFilter: '',
    ...given,
  }
}
