/**
 * Every topic setting Kafka 4 has, and Polylog's own. Each is honoured or refused with the reason; none is ignored.
 * Names, types, defaults and limits: Kafka's TopicConfig; `message.max.bytes` and others follow the broker's settings.
 */
import type { SettingKey } from './broker-table.ts'
import { longMax } from './setting.ts'
import type { SettingType } from './setting.ts'

export interface TopicRow {
  type: SettingType
  /** The broker's setting of the same meaning gives the default … */
  synonym?: SettingKey
  /** … or this text does. */
  default?: string
  min?: number
  max?: number
  /** Allowed words; for a list, of each element. */
  choices?: readonly string[]
  documentation: string
  /** Says why Polylog refuses a value that is well-formed; undefined if it honours it. */
  refuse?: (value: string) => string | undefined
}

const intMax = 2147483647

const notTiered = 'has no tiered storage: it keeps all records on its own disk'
const stricter = 'Polylog syncs before it acknowledges (see polylog.durability), which is stricter than any value here.'

/** Refuses everything but the value that changes nothing. */
function only(harmless: string, reason: string): (value: string) => string | undefined {
  return (value) => (value === harmless ? undefined : reason)
}

export const topicTable: Readonly<Record<string, TopicRow>> = {
  'cleanup.policy': {
    type: 'list',
    synonym: 'cleanupPolicy',
    choices: ['delete', 'compact'],
    documentation: '"delete" removes old segments by time and size, "compact" keeps the newest record of each key.',
  },
  'compression.gzip.level': {
    type: 'int',
    default: '-1',
    min: -1,
    max: 9,
    documentation: 'Has no use: batches are stored as the producer compressed them.',
    refuse: only('-1', 'Polylog never recompresses; set the level at the producer'),
  },
  'compression.lz4.level': {
    type: 'int',
    default: '9',
    min: 1,
    max: 17,
    documentation: 'Has no use: batches are stored as the producer compressed them.',
    refuse: only('9', 'Polylog never recompresses; set the level at the producer'),
  },
  'compression.type': {
    type: 'string',
    default: 'producer',
    choices: ['producer', 'uncompressed', 'gzip', 'snappy', 'lz4', 'zstd'],
    documentation: 'Always "producer": batches are stored as the producer compressed them.',
    refuse: only('producer', 'Polylog stores batches as the producer compressed them; set the codec at the producer'),
  },
  'compression.zstd.level': {
    type: 'int',
    default: '3',
    min: -131072,
    max: 22,
    documentation: 'Has no use: batches are stored as the producer compressed them.',
    refuse: only('3', 'Polylog never recompresses; set the level at the producer'),
  },
  'delete.retention.ms': {
    type: 'long',
    synonym: 'deleteRetentionMs',
    min: 0,
    documentation: 'How long compaction keeps tombstones.',
  },
  'file.delete.delay.ms': {
    type: 'long',
    default: '0',
    min: 0,
    documentation: 'Only 0: files of old segments are removed at once.',
    refuse: only('0', 'Polylog removes files at once; readers that have begun finish on the files they have open'),
  },
  'flush.messages': {
    type: 'long',
    default: '9223372036854775807',
    min: 1,
    documentation: `Records between two syncs. ${stricter}`,
  },
  'flush.ms': {
    type: 'long',
    default: '9223372036854775807',
    min: 0,
    documentation: `Time between two syncs. ${stricter}`,
  },
  'follower.replication.throttled.replicas': {
    type: 'list',
    default: '',
    documentation: 'Replicas whose copying is throttled on the follower; only empty.',
    refuse: only('', 'Polylog does not throttle replication'),
  },
  'index.interval.bytes': {
    type: 'int',
    synonym: 'indexIntervalBytes',
    min: 0,
    documentation: 'Bytes of log between two index entries.',
  },
  'leader.replication.throttled.replicas': {
    type: 'list',
    default: '',
    documentation: 'Replicas whose copying is throttled on the leader; only empty.',
    refuse: only('', 'Polylog does not throttle replication'),
  },
  'local.retention.bytes': {
    type: 'long',
    default: '-2',
    min: -2,
    documentation: 'Only -2, "as retention.bytes": there is no tiered storage.',
    refuse: only('-2', `Polylog ${notTiered}; use retention.bytes`),
  },
  'local.retention.ms': {
    type: 'long',
    default: '-2',
    min: -2,
    documentation: 'Only -2, "as retention.ms": there is no tiered storage.',
    refuse: only('-2', `Polylog ${notTiered}; use retention.ms`),
  },
  'max.compaction.lag.ms': {
    type: 'long',
    synonym: 'maxCompactionLagMs',
    min: 1,
    documentation: 'Longest time a record may stay uncompacted.',
  },
  'max.message.bytes': {
    type: 'int',
    synonym: 'messageBytesMax',
    min: 0,
    max: 67_108_864,
    documentation: 'Largest record batch, compressed.',
  },
  'message.timestamp.after.max.ms': {
    type: 'long',
    synonym: 'timestampAfterMsMax',
    min: 0,
    documentation: "How far a record's timestamp may lie in the future.",
  },
  'message.timestamp.before.max.ms': {
    type: 'long',
    synonym: 'timestampBeforeMsMax',
    min: 0,
    documentation: "How far a record's timestamp may lie in the past.",
  },
  'message.timestamp.type': {
    type: 'string',
    synonym: 'timestampType',
    choices: ['CreateTime', 'LogAppendTime'],
    documentation: "Whose clock stamps records: the producer's or the broker's.",
  },
  'min.cleanable.dirty.ratio': {
    type: 'double',
    synonym: 'minCleanableDirtyRatio',
    min: 0,
    max: 1,
    documentation: 'Share of the log that must be uncompacted before compaction runs.',
  },
  'min.compaction.lag.ms': {
    type: 'long',
    synonym: 'minCompactionLagMs',
    min: 0,
    documentation: 'Least time a record stays uncompacted.',
  },
  'min.insync.replicas': {
    type: 'int',
    synonym: 'minInsyncReplicas',
    min: 1,
    documentation: 'Replicas that must be in sync for a produce with acks=all to be taken.',
  },
  'polylog.acks.replicas': {
    type: 'string',
    default: 'in-sync',
    choices: ['in-sync', 'all'],
    documentation:
      'Who must have a record before it is committed: the replicas "in-sync", or "all" that are assigned; with "all", one replica that is away stops writes with acks=all.',
  },
  'polylog.durability': {
    type: 'string',
    synonym: 'durability',
    choices: ['fsync', 'os', 'memory'],
    documentation:
      'When a record counts as stored: "fsync" on the device, "os" in the page cache; "memory" is "os" where the broker has a disk.',
  },
  preallocate: {
    type: 'boolean',
    default: 'false',
    documentation: 'Only false: segments grow as they are written.',
    refuse: only('false', 'Polylog does not preallocate segments'),
  },
  'remote.log.copy.disable': {
    type: 'boolean',
    default: 'false',
    documentation: 'Only false: there is no tiered storage.',
    refuse: only('false', `Polylog ${notTiered}`),
  },
  'remote.log.delete.on.disable': {
    type: 'boolean',
    default: 'false',
    documentation: 'Only false: there is no tiered storage.',
    refuse: only('false', `Polylog ${notTiered}`),
  },
  'remote.storage.enable': {
    type: 'boolean',
    default: 'false',
    documentation: 'Only false: there is no tiered storage.',
    refuse: only('false', `Polylog ${notTiered}`),
  },
  'retention.bytes': {
    type: 'long',
    synonym: 'retentionBytes',
    min: -1,
    documentation: 'How much each partition keeps; -1 without limit.',
  },
  'retention.ms': {
    type: 'long',
    synonym: 'retentionMs',
    min: -1,
    documentation: 'How long records are kept; -1 for ever.',
  },
  'segment.bytes': {
    type: 'int',
    synonym: 'segmentBytes',
    min: 1024,
    documentation: 'Size at which the log goes on in a new segment.',
  },
  'segment.index.bytes': {
    type: 'int',
    synonym: 'segmentIndexBytes',
    min: 4,
    documentation: 'Largest size of an offset index; a segment ends when its index is full.',
  },
  'segment.jitter.ms': {
    type: 'long',
    synonym: 'segmentJitterMs',
    min: 0,
    documentation: 'Random part taken off segment.ms, so that logs do not all roll at once.',
  },
  'segment.ms': {
    type: 'long',
    synonym: 'segmentMs',
    min: 1,
    documentation: 'Age at which the log goes on in a new segment.',
  },
  'unclean.leader.election.enable': {
    type: 'boolean',
    synonym: 'uncleanLeaderElection',
    documentation: 'Whether a replica that lacks acknowledged records may become leader.',
  },
}

/** Largest value of a numeric type. */
export function typeMax(type: SettingType): number {
  return type === 'int' ? intMax : longMax
}

/** Settings that older Kafka versions had, with what to tell those who still set them. */
export const formerTopicConfigs: Readonly<Record<string, string>> = {
  'message.format.version': 'was removed in Kafka 4.0; records are always stored in format 2',
  'message.downconversion.enable': 'was removed in Kafka 4.0; records are always sent in format 2',
  'message.timestamp.difference.max.ms':
    'was removed in Kafka 4.0; use message.timestamp.before.max.ms and message.timestamp.after.max.ms',
}
