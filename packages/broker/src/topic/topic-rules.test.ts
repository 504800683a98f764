import { deepEqual, equal, throws } from 'node:assert/strict'
import { describe, it } from 'node:test'
import { completeSettings } from '../config/broker-settings.ts'
import { BrokerError } from '../errors/errors.ts'
import type { LiveBroker } from '../image/records.ts'
import { changedConfigs, replacedConfigs } from './config-changes.ts'
import { findTopicNameFault } from './topic-name.ts'
import { checkSpec } from './topic-spec.ts'
import type { AssignReplicas } from './topic-spec.ts'
import type { Topic, TopicSpec } from './topics.ts'

const settings = completeSettings({ partitionCountDefault: 3, partitionCountMax: 10, offsetsPartitionCount: 5 })

function isCode(code: string): (error: unknown) => boolean {
  return (error) => error instanceof BrokerError && error.code === code
}

function spec(changes: Partial<TopicSpec>): TopicSpec {
  return { name: 'orders', partitionCount: -1, replicationFactor: -1, configs: new Map(), ...changes }
}

function check(
  given: TopicSpec,
  names: readonly string[] = [],
  partitionCount = 0,
  brokerIds: readonly number[] = [1],
): readonly (readonly number[])[] {
  const topics = new Map(names.map((name) => [name, { name } as Topic]))
  const brokers = new Map(brokerIds.map((id) => [id, { id } as LiveBroker]))
  const assign: AssignReplicas = ({ count }) => Array.from({ length: count }, () => brokerIds.slice(0, 3))
  return checkSpec(given, { settings, topics, partitionCount, brokers, assign }).assignments
}

describe('topic names', () => {
  it('may have letters, digits, dot, underscore and dash, up to 249 characters', () => {
    for (const name of ['a', 'A.b_c-9', '__consumer_offsets', 'x'.repeat(249), '...'])
      equal(findTopicNameFault(name), undefined)
    for (const name of ['', '.', '..', 'x'.repeat(250), 'a b', 'a/b', 'é', 'a\n', '../../etc']) {
      equal(typeof findTopicNameFault(name), 'string', JSON.stringify(name))
    }
  })

  it('may not collide with another but for dots and underscores', () => {
    throws(() => check(spec({ name: 'a.b' }), ['a_b']), isCode('invalid-topic-name'))
    throws(() => check(spec({ name: 'a_b' }), ['a_b']), isCode('topic-exists'))
    equal(check(spec({ name: 'ab' }), ['a_b']).length, 3)
  })
})

describe('partitions and replicas', () => {
  it('default to the settings of the broker', () => {
    deepEqual(check(spec({})), [[1], [1], [1]])
    equal(check(spec({ partitionCount: 5, replicationFactor: 1 })).length, 5)
  })

  it('are refused where they cannot be', () => {
    throws(() => check(spec({ partitionCount: 0 })), isCode('invalid-partition-count'))
    throws(() => check(spec({ partitionCount: 11 })), isCode('invalid-partition-count'))
    throws(() => check(spec({ partitionCount: 5 }), [], 6), isCode('invalid-partition-count'))
    throws(() => check(spec({ replicationFactor: 2 })), isCode('invalid-replication-factor'))
    throws(() => check(spec({ replicationFactor: 0 })), isCode('invalid-replication-factor'))
  })

  it('may be assigned, without gaps, to brokers that are up', () => {
    deepEqual(
      check(
        spec({
          assignments: [
            { partition: 1, brokers: [1] },
            { partition: 0, brokers: [1] },
          ],
        }),
      ),
      [[1], [1]],
    )
    throws(() => check(spec({ assignments: [{ partition: 1, brokers: [1] }] })), isCode('invalid-replica-assignment'))
    throws(() => check(spec({ assignments: [{ partition: 0, brokers: [2] }] })), isCode('invalid-replica-assignment'))
    const assigned = (...lists: number[][]) =>
      check(spec({ assignments: lists.map((brokers, partition) => ({ partition, brokers })) }), [], 0, [1, 2, 3])
    deepEqual(assigned([3, 1], [2, 3]), [
      [3, 1],
      [2, 3],
    ])
    for (const lists of [[[1, 1]], [[]], [[1, 2], [3]], [[1, 4]]]) {
      throws(() => assigned(...lists), isCode('invalid-replica-assignment'), JSON.stringify(lists))
    }
    const many = Array.from({ length: 11 }, () => [1])
    throws(() => assigned(...many), isCode('invalid-partition-count'))
  })

  it('a huge partition count is refused before memory is spent on it', () => {
    throws(() => check(spec({ partitionCount: 2_000_000_000 })), isCode('invalid-partition-count'))
    throws(() => check(spec({ partitionCount: -7 })), isCode('invalid-partition-count'))
  })
})

describe('config changes', () => {
  const present = new Map([['retention.ms', '1000']])

  it('set, delete, append and subtract', () => {
    const changed = changedConfigs(
      present,
      [
        { name: 'retention.ms', operation: 'delete', value: null },
        { name: 'cleanup.policy', operation: 'append', value: 'compact' },
      ],
      settings,
    )
    deepEqual(Object.fromEntries(changed), { 'cleanup.policy': 'delete,compact' })
    const back = changedConfigs(changed, [{ name: 'cleanup.policy', operation: 'subtract', value: 'delete' }], settings)
    equal(back.get('cleanup.policy'), 'compact')
    deepEqual(Object.fromEntries(present), { 'retention.ms': '1000' })
  })

  it('are refused as a whole if one of them is wrong', () => {
    const wrong: [string, 'set' | 'append', string | null][] = [
      ['retention.ms', 'set', 'soon'],
      ['retentoin.ms', 'set', '1'],
      ['retention.ms', 'append', '1'],
      ['retention.ms', 'set', null],
      ['compression.type', 'set', 'gzip'],
    ]
    for (const [name, operation, value] of wrong) {
      throws(() => changedConfigs(present, [{ name, operation, value }], settings), isCode('invalid-config'), name)
    }
    const twice = { name: 'retention.ms', operation: 'set' as const, value: '1' }
    throws(() => changedConfigs(present, [twice, twice], settings), isCode('invalid-config'))
  })

  it('a whole set replaces what was there', () => {
    deepEqual(Object.fromEntries(replacedConfigs(new Map([['segment.bytes', '1048576']]))), {
      'segment.bytes': '1048576',
    })
    throws(() => replacedConfigs(new Map([['segment.bytes', null]])), isCode('invalid-config'))
  })
})
