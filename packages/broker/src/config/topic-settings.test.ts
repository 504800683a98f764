import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { completeSettings } from './broker-settings.ts'
import {
  describeTopicConfigs,
  findTopicConfigFault,
  findTopicRelationFault,
  topicConfigNames,
  topicSettings,
} from './topic-settings.ts'

const broker = completeSettings()

describe('topicSettings', () => {
  it('falls back to the broker and lets the topic win', () => {
    const inherited = topicSettings(new Map(), completeSettings({ retentionMs: 5000, cleanupPolicy: 'compact' }))
    assert.equal(inherited.retentionMs, 5000)
    assert.deepEqual([inherited.cleanupCompact, inherited.cleanupDelete], [true, false])
    const own = topicSettings(
      new Map([
        ['retention.ms', '-1'],
        ['cleanup.policy', 'delete, compact'],
        ['message.timestamp.type', 'LogAppendTime'],
        ['polylog.durability', 'memory'],
        ['unclean.leader.election.enable', 'TRUE'],
        ['max.compaction.lag.ms', '9223372036854775807'],
      ]),
      broker,
    )
    assert.equal(own.retentionMs, -1)
    assert.deepEqual([own.cleanupCompact, own.cleanupDelete], [true, true])
    assert.equal(own.logAppendTime, true)
    assert.equal(own.durability, 'memory')
    assert.equal(own.uncleanLeaderElection, true)
    assert.ok(own.maxCompactionLagMs > 2 ** 62)
  })
})

describe('findTopicConfigFault', () => {
  it('accepts every default', () => {
    for (const entry of describeTopicConfigs(new Map(), broker)) {
      assert.equal(findTopicConfigFault(entry.name, entry.value), undefined, entry.name)
    }
  })

  it('accepts what is honoured', () => {
    for (const [name, value] of [
      ['cleanup.policy', 'compact,delete'],
      ['retention.ms', '-1'],
      ['flush.messages', '1'],
      ['flush.ms', '1000'],
      ['min.cleanable.dirty.ratio', '0.01'],
      ['segment.bytes', '1048576'],
      ['preallocate', 'False'],
      ['segment.ms', '9223372036854775807'],
    ] as const) {
      assert.equal(findTopicConfigFault(name, value), undefined, name)
    }
  })

  it('refuses with a sentence', () => {
    const sentences = [
      ['retention.msx', '1', 'Unknown topic setting "retention.msx"; did you mean "retention.ms"?'],
      ['retention.ms', '-2', 'retention.ms must be at least -1, not -2.'],
      [
        'retention.ms',
        '9223372036854775808',
        'retention.ms must be at most 9223372036854775807, not 9223372036854775808.',
      ],
      ['retention.ms', '7d', 'retention.ms must be a whole number, not "7d".'],
      ['cleanup.policy', 'compress', 'cleanup.policy must be a list of delete, compact, not "compress".'],
      ['cleanup.policy', '', 'cleanup.policy must name at least one of delete, compact.'],
      [
        'compression.type',
        'zstd',
        'compression.type=zstd is not supported: Polylog stores batches as the producer compressed them; set the codec at the producer.',
      ],
      [
        'remote.storage.enable',
        'true',
        'remote.storage.enable=true is not supported: Polylog has no tiered storage: it keeps all records on its own disk.',
      ],
      [
        'leader.replication.throttled.replicas',
        '0:1',
        'leader.replication.throttled.replicas=0:1 is not supported: Polylog does not throttle replication.',
      ],
      [
        'file.delete.delay.ms',
        '60000',
        'file.delete.delay.ms=60000 is not supported: Polylog removes files at once; readers that have begun finish on the files they have open.',
      ],
      [
        'message.format.version',
        '2.0',
        'message.format.version was removed in Kafka 4.0; records are always stored in format 2.',
      ],
      ['min.cleanable.dirty.ratio', '1.5', 'min.cleanable.dirty.ratio must be at most 1, not 1.5.'],
      ['preallocate', 'yes', 'preallocate must be true or false, not "yes".'],
      ['constructor', 'x', 'Unknown topic setting "constructor".'],
    ] as const
    for (const [name, value, sentence] of sentences) assert.equal(findTopicConfigFault(name, value), sentence)
  })

  it('sees contradictions between settings', () => {
    const settings = topicSettings(
      new Map([
        ['min.compaction.lag.ms', '10'],
        ['max.compaction.lag.ms', '5'],
      ]),
      broker,
    )
    assert.match(findTopicRelationFault(settings)!, /must not exceed/)
    assert.equal(findTopicRelationFault(topicSettings(new Map(), broker)), undefined)
  })
})

describe('describeTopicConfigs', () => {
  it('lists every setting with value, default, source and synonym', () => {
    const entries = describeTopicConfigs(
      new Map([['retention.ms', '1']]),
      completeSettings({ segmentBytes: 1_048_576 }),
    )
    assert.deepEqual(
      entries.map((entry) => entry.name),
      topicConfigNames,
    )
    const byName = new Map(entries.map((entry) => [entry.name, entry]))
    const retention = byName.get('retention.ms')!
    assert.deepEqual(
      [retention.value, retention.defaultValue, retention.source, retention.brokerSynonym],
      ['1', '604800000', 'topic', 'log.retention.ms'],
    )
    assert.equal(byName.get('segment.bytes')!.source, 'broker')
    assert.equal(byName.get('max.compaction.lag.ms')!.value, '9223372036854775807')
    assert.equal(byName.get('flush.ms')!.brokerSynonym, undefined)
  })

  it('has every setting of Kafka 4.3', () => {
    // From Kafka's TopicConfig and LogConfig; a new Kafka version adds a name here first.
    const kafka =
      'cleanup.policy compression.gzip.level compression.lz4.level compression.type compression.zstd.level delete.retention.ms file.delete.delay.ms flush.messages flush.ms follower.replication.throttled.replicas index.interval.bytes leader.replication.throttled.replicas local.retention.bytes local.retention.ms max.compaction.lag.ms max.message.bytes message.timestamp.after.max.ms message.timestamp.before.max.ms message.timestamp.type min.cleanable.dirty.ratio min.compaction.lag.ms min.insync.replicas preallocate remote.log.copy.disable remote.log.delete.on.disable remote.storage.enable retention.bytes retention.ms segment.bytes segment.index.bytes segment.jitter.ms segment.ms unclean.leader.election.enable'
    const missing = kafka.split(' ').filter((name) => !topicConfigNames.includes(name))
    assert.deepEqual(missing, [])
  })
})
