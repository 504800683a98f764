import { choice, fraction, longMax, whole } from './setting.ts'

const intMax = 2147483647
const kib = 1024
const mib = 1024 * kib
const gib = 1024 * mib
const dayMs = 86_400_000

/** Rows about the journal and the memory of logs; part of `brokerTable`. */
export const journalTable = {
  journalFileBytes: whole('long', {
    name: 'journal.file.bytes',
    default: 32 * mib,
    min: 1 * mib,
    max: 4 * gib,
    unit: 'bytes',
    documentation: 'Size at which the journal goes on in a new file.',
  }),
  journalBytesMax: whole('long', {
    name: 'journal.bytes.max',
    default: 512 * mib,
    min: 2 * mib,
    max: 64 * gib,
    unit: 'bytes',
    documentation: 'Size of all journal files at which segments are synced so that old ones can go; bounds recovery.',
  }),
  journalSpareBytesMax: whole('long', {
    name: 'journal.spare.bytes.max',
    default: 64 * mib,
    min: 0,
    max: 64 * gib,
    unit: 'bytes',
    documentation:
      'Journal files that are not needed any more are kept for use again up to this size; faster than new ones.',
  }),
  tailMemoryBytes: whole('long', {
    name: 'tail.memory.bytes',
    default: 128 * mib,
    min: 1 * mib,
    max: 64 * gib,
    unit: 'bytes',
    documentation: 'Memory for the newest records of all partitions together; older ones are read from files.',
  }),
  fileHandleCountMax: whole('int', {
    name: 'file.handles.max',
    default: 2048,
    min: 64,
    max: 1_000_000,
    unit: 'count',
    documentation: 'Most segment and index files held open at a time.',
  }),
}

/** Rows that give topics their defaults, and the work on logs in the background; part of `brokerTable`. */
export const logTable = {
  segmentBytes: whole('int', {
    name: 'log.segment.bytes',
    default: 1 * gib,
    min: 1 * kib,
    max: intMax,
    unit: 'bytes',
    documentation: 'Size at which a log goes on in a new segment.',
  }),
  segmentMs: whole('long', {
    name: 'log.roll.ms',
    default: 7 * dayMs,
    min: 1,
    max: longMax,
    unit: 'ms',
    documentation:
      'Age at which a log goes on in a new segment, so that retention and compaction can reach the old one.',
  }),
  segmentJitterMs: whole('long', {
    name: 'log.roll.jitter.ms',
    default: 0,
    min: 0,
    max: longMax,
    unit: 'ms',
    documentation: 'Random part taken off log.roll.ms, so that logs do not all roll at once.',
  }),
  segmentIndexBytes: whole('int', {
    name: 'log.index.size.max.bytes',
    default: 10 * mib,
    min: 4,
    max: intMax,
    unit: 'bytes',
    documentation: 'Largest size of an offset index; a segment ends when its index is full.',
  }),
  indexIntervalBytes: whole('int', {
    name: 'log.index.interval.bytes',
    default: 4096,
    min: 0,
    max: intMax,
    unit: 'bytes',
    documentation: 'Bytes of log between two index entries.',
  }),
  retentionMs: whole('long', {
    name: 'log.retention.ms',
    default: 7 * dayMs,
    min: -1,
    max: longMax,
    unit: 'ms',
    documentation: 'How long records are kept; -1 for ever.',
  }),
  retentionBytes: whole('long', {
    name: 'log.retention.bytes',
    default: -1,
    min: -1,
    max: longMax,
    unit: 'bytes',
    documentation: 'How much is kept per partition; -1 without limit.',
  }),
  retentionCheckIntervalMs: whole('long', {
    name: 'log.retention.check.interval.ms',
    default: 300_000,
    min: 1,
    max: longMax,
    unit: 'ms',
    documentation: 'Time between two looks for segments past their retention.',
  }),
  cleanupPolicy: choice({
    name: 'log.cleanup.policy',
    default: 'delete',
    choices: ['delete', 'compact', 'compact,delete', 'delete,compact'],
    documentation: 'What happens to old records: "delete" them, "compact" to the newest per key, or both.',
  }),
  deleteRetentionMs: whole('long', {
    name: 'log.cleaner.delete.retention.ms',
    default: dayMs,
    min: 0,
    max: longMax,
    unit: 'ms',
    documentation: 'How long compaction keeps tombstones, so that slow readers still see them.',
  }),
  minCleanableDirtyRatio: fraction({
    name: 'log.cleaner.min.cleanable.ratio',
    default: 0.5,
    min: 0,
    max: 1,
    unit: 'ratio',
    documentation: 'Share of a log that must be uncompacted before compaction runs.',
  }),
  minCompactionLagMs: whole('long', {
    name: 'log.cleaner.min.compaction.lag.ms',
    default: 0,
    min: 0,
    max: longMax,
    unit: 'ms',
    documentation: 'Least time a record stays uncompacted.',
  }),
  maxCompactionLagMs: whole('long', {
    name: 'log.cleaner.max.compaction.lag.ms',
    default: longMax,
    min: 1,
    max: longMax,
    unit: 'ms',
    documentation: 'Longest time a record may stay uncompacted.',
  }),
  compactionIntervalMs: whole('long', {
    name: 'log.cleaner.backoff.ms',
    default: 15_000,
    min: 0,
    max: longMax,
    unit: 'ms',
    documentation: 'Time between two looks for logs to compact.',
  }),
  compactionMapBytes: whole('long', {
    name: 'log.cleaner.dedupe.buffer.size',
    default: 32 * mib,
    min: 1 * mib,
    max: 4 * gib,
    unit: 'bytes',
    documentation: 'Memory for the keys of one compaction.',
  }),
  timestampType: choice({
    name: 'log.message.timestamp.type',
    default: 'CreateTime',
    choices: ['CreateTime', 'LogAppendTime'],
    documentation: "Whose clock stamps records: the producer's (CreateTime) or the broker's (LogAppendTime).",
  }),
  timestampBeforeMsMax: whole('long', {
    name: 'log.message.timestamp.before.max.ms',
    default: longMax,
    min: 0,
    max: longMax,
    unit: 'ms',
    documentation: "How far a record's timestamp may lie in the past.",
  }),
  timestampAfterMsMax: whole('long', {
    name: 'log.message.timestamp.after.max.ms',
    default: 3_600_000,
    min: 0,
    max: longMax,
    unit: 'ms',
    documentation: "How far a record's timestamp may lie in the future.",
  }),
  messageBytesMax: whole('int', {
    name: 'message.max.bytes',
    default: 4 * mib,
    min: 1 * kib,
    max: 64 * mib,
    unit: 'bytes',
    documentation: 'Largest record batch, compressed.',
  }),
}
