import type { OffsetReset } from '../config/group-table.ts'
import type { IsolationLevel } from '../topic/partition.ts'

export type { OffsetReset } from '../config/group-table.ts'

/** Settings of one group in force; names and defaults in config/group-table.ts. */
export interface GroupQueueConfig {
  /** [share.auto.offset.reset] */
  readonly offsetReset: OffsetReset
  /** How long a member may hold a message without renewing [share.record.lock.duration.ms]. */
  readonly lockDurationMs: number
  /** [share.heartbeat.interval.ms] */
  readonly heartbeatIntervalMs: number
  /** [share.session.timeout.ms] */
  readonly sessionTimeoutMs: number
  /** [share.isolation.level] */
  readonly isolation: IsolationLevel
  /** Deliveries after which a message is given up [share.delivery.count.limit]. */
  readonly deliveryCountMax: number
  /** Messages of one partition that may be with members at a time [share.partition.max.record.locks]. */
  readonly lockCountMax: number
  /** Pause before the second delivery; doubles with each one after it. 0: none [polylog.retry.backoff.ms]. */
  readonly retryBackoffMs: number
  /** [polylog.retry.backoff.max.ms] */
  readonly retryBackoffMsMax: number
  /** Topic that takes what is given up; undefined: nothing does [polylog.dead.letter.topic]. */
  readonly deadLetterTopic: string | undefined
  /** Age from which a message is given up undelivered; undefined: none [polylog.message.ttl.ms]. */
  readonly messageTtlMs: number | undefined
  /** Text of the filter on tags, '' for none [polylog.filter.tags]; see record-filter.ts. */
  readonly tagFilter: string
  /** Text of the filter on headers, '' for none [polylog.filter.headers]. */
  readonly headerFilter: string
}

/** The settings of each group, as they are at the moment. */
export interface GroupQueueConfigs {
  /** Of any group, whether it exists or not: what was not set has its default. The same object until something changes. */
  of(groupId: string): GroupQueueConfig
}
