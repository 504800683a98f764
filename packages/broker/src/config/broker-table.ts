/**
 * Every setting of the broker: unit, default, limits, purpose. A name that Kafka knows means what it means there. A row
 * added here is read from file, environment and flags, shown by `polylog help settings` and answered by DescribeConfigs.
 */
import { authorizerTable } from './authorizer-table.ts'
import { clusterTable } from './cluster-table.ts'
import { controlTable } from './control-table.ts'
import { journalTable, logTable } from './log-table.ts'
import { saslTable } from './sasl-table.ts'
import { address, addressOrNone, choice, flag, longMax, whole, words } from './setting.ts'
import type { Setting } from './setting.ts'
import { shareTable } from './share-table.ts'
import { tlsTable } from './tls-table.ts'

const intMax = 2147483647
const kib = 1024
const mib = 1024 * kib
const gib = 1024 * mib
const dayMs = 86_400_000

const place = {
  dataDirectory: words({
    name: 'data.directory',
    default: './polylog-data',
    max: 4096,
    documentation: 'Folder that holds everything the broker keeps. Made if it is missing.',
  }),
  kafkaAddress: address({
    name: 'kafka.address',
    default: { host: '127.0.0.1', port: 9092 },
    documentation:
      'Where Kafka clients connect. Port 0 takes any free one; the default is reachable from this machine only.',
  }),
  httpAddress: addressOrNone({
    name: 'http.address',
    default: { host: '127.0.0.1', port: 15672 },
    documentation: 'Where /metrics, /health and the admin API answer; "none" for no HTTP. Port 0 takes any free one.',
  }),
  httpAdmin: flag({
    name: 'http.admin.enable',
    default: false,
    documentation:
      'Whether whoever reaches the HTTP port may change the cluster through it although it can be reached from other machines. On a loopback address everybody on the machine may, whatever this says.',
  }),
  advertisedAddress: addressOrNone({
    name: 'advertised.address',
    default: undefined,
    documentation:
      'Address that clients are told to use; "none" tells each client the address it dialled. In a cluster also the one for the other brokers, needed there if kafka.address names no host.',
  }),
  brokerId: whole('int', {
    name: 'broker.id',
    default: 1,
    min: 0,
    max: intMax,
    unit: 'count',
    documentation: 'Number of this broker in its cluster.',
  }),
  brokerRack: words({
    name: 'broker.rack',
    default: '',
    max: 249,
    empty: true,
    documentation: 'Rack or zone of this broker, told to clients in metadata.',
  }),
  durability: choice({
    name: 'durability',
    default: 'fsync',
    choices: ['fsync', 'os', 'memory'],
    documentation:
      'When a record counts as stored: "fsync" after it is on the device, "os" once the operating system has it (as Kafka does), "memory" at once and never on disk (tests).',
  }),
  shutdownTimeoutMs: whole('long', {
    name: 'shutdown.timeout.ms',
    default: 30_000,
    min: 100,
    max: 3_600_000,
    unit: 'ms',
    documentation: 'Longest time a graceful stop may take; what is unfinished then is recovered at the next start.',
  }),
  logLevel: choice({
    name: 'log.level',
    default: 'info',
    choices: ['debug', 'info', 'warn', 'error'],
    documentation: 'Least important level of log lines that are written to stderr.',
  }),
  logFormat: choice({
    name: 'log.format',
    default: 'text',
    choices: ['text', 'json'],
    documentation: 'Form of log lines: "text" for people, "json" (one object a line) for collectors.',
  }),
  metricSeriesMax: whole('int', {
    name: 'metrics.series.max',
    default: 500,
    min: 100,
    max: 100_000,
    unit: 'count',
    documentation: 'Most time series that /metrics shows; further ones are counted in polylog_metrics_dropped_series.',
  }),
}

const topics = {
  autoCreateTopics: flag({
    name: 'auto.create.topics.enable',
    default: true,
    documentation: 'Whether naming an unknown topic in Metadata or Produce makes it.',
  }),
  deleteTopics: flag({
    name: 'delete.topic.enable',
    default: true,
    documentation: 'Whether DeleteTopics is allowed.',
  }),
  partitionCountDefault: whole('int', {
    name: 'num.partitions',
    default: 1,
    min: 1,
    max: 10_000,
    unit: 'count',
    documentation: 'Partitions of a topic made without a number.',
  }),
  replicationFactorDefault: whole('int', {
    name: 'default.replication.factor',
    default: 0,
    min: 0,
    max: 100,
    unit: 'count',
    documentation:
      'Replicas of a topic made without a number. 0: up to three, each on another broker, and more as brokers join.',
  }),
  minInsyncReplicas: whole('int', {
    name: 'min.insync.replicas',
    default: 1,
    min: 1,
    max: 100,
    unit: 'count',
    documentation: 'Replicas that must be in sync for a produce with acks=all to be taken.',
  }),
  uncleanLeaderElection: flag({
    name: 'unclean.leader.election.enable',
    default: false,
    documentation: 'Whether a replica that lacks acknowledged records may become leader.',
  }),
  topicCountMax: whole('int', {
    name: 'topic.count.max',
    default: 10_000,
    min: 1,
    max: 1_000_000,
    unit: 'count',
    documentation: 'Most topics in the cluster.',
  }),
  partitionCountMax: whole('int', {
    name: 'partition.count.max',
    default: 50_000,
    min: 1,
    max: 1_000_000,
    unit: 'count',
    documentation: 'Most partitions of all topics together.',
  }),
  producerIdExpirationMs: whole('long', {
    name: 'producer.id.expiration.ms',
    default: dayMs,
    min: 1,
    max: longMax,
    unit: 'ms',
    documentation: "How long an idle producer's sequence numbers are remembered.",
  }),
}

const groups = {
  groupInitialRebalanceDelayMs: whole('int', {
    name: 'group.initial.rebalance.delay.ms',
    default: 0,
    min: 0,
    max: intMax,
    unit: 'ms',
    documentation:
      'How long the first join of an empty group waits for more members. Kafka waits 3 s; 0 suits development.',
  }),
  groupSessionTimeoutMsMin: whole('int', {
    name: 'group.min.session.timeout.ms',
    default: 6000,
    min: 1,
    max: intMax,
    unit: 'ms',
    documentation: 'Shortest session time-out a member may ask for.',
  }),
  groupSessionTimeoutMsMax: whole('int', {
    name: 'group.max.session.timeout.ms',
    default: 1_800_000,
    min: 1,
    max: intMax,
    unit: 'ms',
    documentation: 'Longest session time-out a member may ask for.',
  }),
  groupMemberCountMax: whole('int', {
    name: 'group.max.size',
    default: 10_000,
    min: 1,
    max: intMax,
    unit: 'count',
    documentation: 'Most members of one group.',
  }),
  offsetsPartitionCount: whole('int', {
    name: 'offsets.topic.num.partitions',
    default: 50,
    min: 1,
    max: 10_000,
    unit: 'count',
    documentation: 'Partitions of __consumer_offsets; fixed when it is first made.',
  }),
  offsetsSegmentBytes: whole('int', {
    name: 'offsets.topic.segment.bytes',
    default: 100 * mib,
    min: 1 * kib,
    max: intMax,
    unit: 'bytes',
    documentation: 'Segment size of __consumer_offsets.',
  }),
  offsetsRetentionMinutes: whole('int', {
    name: 'offsets.retention.minutes',
    default: 10_080,
    min: 1,
    max: intMax,
    unit: 'minutes',
    documentation: 'How long the offsets of a group without members are kept.',
  }),
  offsetsRetentionCheckIntervalMs: whole('long', {
    name: 'offsets.retention.check.interval.ms',
    default: 600_000,
    min: 1,
    max: longMax,
    unit: 'ms',
    documentation: 'Time between two looks for offsets past their retention.',
  }),
  offsetsCommitTimeoutMs: whole('int', {
    name: 'offsets.commit.timeout.ms',
    default: 5_000,
    min: 1,
    max: intMax,
    unit: 'ms',
    documentation:
      'How long members wait for their commit or assignment to be stored, before they are told to try again.',
  }),
  offsetMetadataBytesMax: whole('int', {
    name: 'offset.metadata.max.bytes',
    default: 4096,
    min: 0,
    max: 1 * mib,
    unit: 'bytes',
    documentation: 'Longest text a client may store with an offset.',
  }),
}

const connections = {
  requestBytesMax: whole('int', {
    name: 'socket.request.max.bytes',
    default: 16 * mib,
    min: 64 * kib,
    max: intMax,
    unit: 'bytes',
    documentation: 'Largest request; a connection that announces a larger one is closed before memory is spent on it.',
  }),
  requestMemoryBytes: whole('long', {
    name: 'queued.max.request.bytes',
    default: 256 * mib,
    min: 1 * mib,
    max: 64 * gib,
    unit: 'bytes',
    documentation:
      'Memory for requests of all connections; beyond it the broker stops reading until some are answered.',
  }),
  receivePoolBytes: whole('long', {
    name: 'receive.pool.bytes',
    default: 32 * mib,
    min: 0,
    max: 64 * gib,
    unit: 'bytes',
    documentation: 'Most memory of large requests that is kept for the next ones while none uses it.',
  }),
  fetchBytesMax: whole('int', {
    name: 'fetch.max.bytes',
    default: 16 * mib,
    min: 1 * kib,
    max: intMax,
    unit: 'bytes',
    documentation: 'Most bytes in one fetch answer, whatever the client asks for.',
  }),
  fetchSessionCountMax: whole('int', {
    name: 'max.incremental.fetch.session.cache.slots',
    default: 1000,
    min: 0,
    max: 100_000,
    unit: 'count',
    documentation: 'Most fetch sessions remembered.',
  }),
  replicaSelector: choice({
    name: 'replica.selector',
    default: 'leader',
    choices: ['leader', 'rack-aware'],
    documentation:
      'Which replica consumers read from: the "leader", or "rack-aware" one in the rack they name, which serves what it has a little later (KIP-392).',
  }),
  connectionCountMax: whole('int', {
    name: 'max.connections',
    default: 10_000,
    min: 1,
    max: intMax,
    unit: 'count',
    documentation: 'Most Kafka connections at a time.',
  }),
  connectionCountPerAddressMax: whole('int', {
    name: 'max.connections.per.ip',
    default: intMax,
    min: 1,
    max: intMax,
    unit: 'count',
    documentation: 'Most Kafka connections from one address at a time.',
  }),
  connectionIdleMs: whole('long', {
    name: 'connections.max.idle.ms',
    default: 600_000,
    min: 1000,
    max: longMax,
    unit: 'ms',
    documentation: 'A connection without requests for this long is closed.',
  }),
  connectionOutputPauseBytes: whole('long', {
    name: 'connection.output.pause.bytes',
    default: 8 * mib,
    min: 64 * kib,
    max: 1 * gib,
    unit: 'bytes',
    documentation: 'Unsent answers of a connection at which the broker stops reading its requests.',
  }),
  connectionOutputBytesMax: whole('long', {
    name: 'connection.output.max.bytes',
    default: 32 * mib,
    min: 64 * kib,
    max: 4 * gib,
    unit: 'bytes',
    documentation: 'Unsent answers of a connection at which it is closed.',
  }),
}

/** Property of `BrokerSettings` -> row. */
export const brokerTable = {
  ...place,
  ...clusterTable,
  ...journalTable,
  ...logTable,
  ...topics,
  ...groups,
  ...shareTable,
  ...connections,
  ...tlsTable,
  ...saslTable,
  ...controlTable,
  ...authorizerTable,
}

export type SettingKey = keyof typeof brokerTable

/** The broker's settings with their types; `durability` and the addresses as parsed, numbers in the unit of the name. */
export type BrokerSettings = {
  [K in SettingKey]: (typeof brokerTable)[K] extends Setting<infer T> ? T : never
}
