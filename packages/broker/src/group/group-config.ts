import { assert } from '../errors/errors.ts'

/** Limits and delays of group coordination. Kafka's setting in brackets. */
export interface GroupConfig {
  /** [group.min.session.timeout.ms] */
  readonly sessionTimeoutMsMin: number
  /** [group.max.session.timeout.ms] */
  readonly sessionTimeoutMsMax: number
  /** Wait for more members after the first join of an empty group [group.initial.rebalance.delay.ms]. */
  readonly initialRebalanceDelayMs: number
  /** A member waiting in its first join is dropped after this: it may have gone without a trace. */
  readonly newMemberJoinTimeoutMs: number
  /** Members of one group [group.max.size]. */
  readonly groupSizeMax: number
  /** Member ids of one group that were handed out and not yet joined with. */
  readonly pendingMembersMax: number
  /** Groups that clients may create on this broker; those in the log are loaded beyond it. */
  readonly groupsMax: number
  /** Assignment protocols that one member may offer. */
  readonly memberProtocolsMax: number
  /** Protocol names and metadata of one member together. */
  readonly memberMetadataBytesMax: number
  /** Partitions for which one group may have committed offsets. */
  readonly groupOffsetsMax: number
  /** Metadata beside one committed offset, in UTF-8 bytes [offset.metadata.max.bytes]. */
  readonly offsetMetadataBytesMax: number
  /** Longest wait of a member for something to be stored [offsets.commit.timeout.ms]. */
  readonly offsetsCommitTimeoutMs: number
  /** How long offsets of a group without members are kept [offsets.retention.minutes]. */
  readonly offsetsRetentionMs: number
  /** Time between two looks for expired offsets [offsets.retention.check.interval.ms]. */
  readonly offsetsRetentionCheckIntervalMs: number
  /** Tombstones written as one batch. */
  readonly tombstoneBatchRecordsMax: number
}

const groupConfigDefaults: GroupConfig = {
  sessionTimeoutMsMin: 6_000,
  sessionTimeoutMsMax: 1_800_000,
  initialRebalanceDelayMs: 0,
  newMemberJoinTimeoutMs: 300_000,
  groupSizeMax: 10_000,
  pendingMembersMax: 10_000,
  groupsMax: 100_000,
  memberProtocolsMax: 100,
  memberMetadataBytesMax: 1_048_576,
  groupOffsetsMax: 200_000,
  offsetMetadataBytesMax: 4_096,
  offsetsCommitTimeoutMs: 5_000,
  offsetsRetentionMs: 7 * 24 * 3_600_000,
  offsetsRetentionCheckIntervalMs: 600_000,
  tombstoneBatchRecordsMax: 1_000,
}

/** Fills in defaults and asserts what the coordinator relies on; the settings' own ranges are checked where they are read. */
export function completeGroupConfig(given: Partial<GroupConfig>): GroupConfig {
  const config = { ...groupConfigDefaults, ...given }
  for (const [name, value] of Object.entries(config)) {
    assert(Number.isFinite(value) && value >= 0, `group setting ${name} is ${value}`)
  }
  assert(config.sessionTimeoutMsMin <= config.sessionTimeoutMsMax, 'the range of session time-outs is empty')
  assert(config.groupSizeMax > 0, 'a group must be able to have a member')
  assert(config.tombstoneBatchRecordsMax > 0, 'a batch must hold a tombstone')
  assert(config.offsetsRetentionCheckIntervalMs > 0, 'a check for expired offsets without pause would starve the rest')
  return config
}
