import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { completeSettings } from '../config/broker-settings.ts'
import { BrokerError } from '../errors/errors.ts'
import type { PolicyRecord } from '../image/records.ts'
import { imageOf, topicOf } from './cluster.fixture.ts'
import { effectivePolicy, effectiveTopicConfigs } from './effective-policy.ts'
import { checkPolicy } from './policy.ts'
import { placementRule, TopicRules } from './topic-rules.ts'

const settings = completeSettings({})

function policy(definition: Record<string, unknown>, other: Partial<PolicyRecord> = {}): PolicyRecord {
  return { pattern: '^orders', priority: 0, applyTo: 'all', definition, ...other }
}

const all = { 'ha-mode': 'all', 'ha-sync-mode': 'automatic' }

describe('checkPolicy', () => {
  it('takes the three modes, with topic settings beside them', () => {
    checkPolicy('mirror', policy(all), settings)
    checkPolicy('two', policy({ 'ha-mode': 'exactly', 'ha-params': 2, 'retention.ms': 1000 }), settings)
    checkPolicy(
      'named',
      policy({ 'ha-mode': 'nodes', 'ha-params': [1, 2], 'ha-promote-on-failure': 'always' }),
      settings,
    )
    checkPolicy('only settings', policy({ 'cleanup.policy': 'compact' }), settings)
  })

  it('says what is wrong with any other', () => {
    const faults: [Record<string, unknown>, RegExp][] = [
      [{}, /empty/],
      [{ 'ha-mod': 'all' }, /Unknown key "ha-mod"/],
      [{ 'message-ttl': 5 }, /Unknown key "message-ttl"/],
      [{ 'ha-mode': 'some' }, /"all" or "exactly" or "nodes"/],
      [{ 'ha-mode': 'all', 'ha-params': 2 }, /takes no ha-params/],
      [{ 'ha-mode': 'exactly' }, /number of replicas/],
      [{ 'ha-mode': 'exactly', 'ha-params': 0 }, /number of replicas/],
      [{ 'ha-mode': 'exactly', 'ha-params': 1.5 }, /number of replicas/],
      [{ 'ha-mode': 'nodes', 'ha-params': [] }, /list of 1 to 100/],
      [{ 'ha-mode': 'nodes', 'ha-params': [1, 1] }, /different broker ids/],
      [{ 'ha-mode': 'nodes', 'ha-params': ['rabbit@a'] }, /broker ids/],
      [{ 'ha-sync-mode': 'automatic' }, /without ha-mode/],
      [{ ...all, 'ha-sync-mode': 'later' }, /"manual" or "automatic"/],
      [{ 'retention.ms': 'soon' }, /whole number/],
      [{ 'retention.ms': {} }, /must be a text, a number/],
      [{ 'min.compaction.lag.ms': 10, 'max.compaction.lag.ms': 5 }, /must not exceed/],
    ]
    for (const [definition, fault] of faults) {
      assert.throws(
        () => checkPolicy('p', policy(definition), settings),
        (error) => error instanceof BrokerError && fault.test(error.message),
        JSON.stringify(definition),
      )
    }
    assert.throws(() => checkPolicy('', policy(all), settings), /1 to 255 characters/)
    assert.throws(() => checkPolicy('a\nb', policy(all), settings), /control characters/)
    assert.throws(() => checkPolicy('p', policy(all, { priority: 0.5 }), settings), /priority/)
    assert.throws(() => checkPolicy('p', policy(all, { pattern: '(' }), settings), /The pattern lacks/)
    assert.throws(() => checkPolicy('p', policy(all, { applyTo: 'exchanges' as 'all' }), settings), /applies to/)
  })
})

describe('effectivePolicy', () => {
  const image = imageOf({ 1: {} }, [], {
    '/policies/low': policy(all, { pattern: '.*' }),
    '/policies/b': policy({ 'ha-mode': 'exactly', 'ha-params': 2 }, { priority: 5 }),
    '/policies/a': policy({ 'retention.ms': 7, 'min.insync.replicas': 2 }, { priority: 5, applyTo: 'topics' }),
    '/policies/queues': policy(all, { priority: 9, applyTo: 'queues' }),
    '/policies/broken': policy({ 'ha-mode': 'what' }, { priority: 99 }),
    '/policies/unreadable': policy(all, { pattern: '(', priority: 99 }),
  })
  const nameOf = (name: string, kind: 'topic' | 'queue' = 'topic'): string | undefined =>
    effectivePolicy(image, name, kind)?.policy.name

  it('is the one of the highest priority that matches, then the first by name; broken ones never are', () => {
    assert.equal(nameOf('orders'), 'a')
    assert.equal(nameOf('orders', 'queue'), 'queues')
    assert.equal(nameOf('events'), 'low')
    assert.equal(nameOf('__consumer_offsets'), undefined)
  })

  it('gives settings below those of the topic itself', () => {
    const topic = topicOf('orders', [[1]], { kind: 'default' }, { 'retention.ms': '9' })
    assert.deepEqual(Object.fromEntries(effectiveTopicConfigs(image, topic)), {
      'retention.ms': '9',
      'min.insync.replicas': '2',
    })
    assert.equal(new TopicRules(image, settings).of(topic).minInsyncReplicas, 2)
  })

  it('decides where replicas belong, unless they were assigned by hand', () => {
    assert.equal(placementRule(image, 'events', { kind: 'factor', factor: 1 }).kind, 'all')
    assert.equal(placementRule(image, 'events', { kind: 'assigned' }).kind, 'assigned')
    const factor = placementRule(image, 'orders', { kind: 'factor', factor: 2 })
    assert.deepEqual(factor, { kind: 'count', count: 2, isFirm: true, mayGrow: true })
    const internal = placementRule(image, '__consumer_offsets', { kind: 'factor', factor: 1 })
    assert.deepEqual(internal, { kind: 'count', count: 3, isFirm: false, mayGrow: true })
  })

  it('allows unclean elections only where topic, policy or broker say so', () => {
    const rules = (definition: Record<string, unknown>, configs: Record<string, string>): boolean => {
      const held = imageOf({ 1: {} }, [], { '/policies/p': policy(definition) })
      return new TopicRules(held, settings).of(topicOf('orders', [[1]], { kind: 'default' }, configs)).promotesOnFailure
    }
    const key = 'unclean.leader.election.enable'
    assert.equal(rules(all, {}), false)
    assert.equal(rules({ 'ha-promote-on-failure': 'always' }, {}), true)
    assert.equal(rules({ 'ha-promote-on-failure': 'always' }, { [key]: 'false' }), false)
    assert.equal(rules({ [key]: true }, {}), true)
    assert.equal(rules({ [key]: true, 'ha-promote-on-failure': 'when-synced' }, {}), false)
    assert.equal(rules(all, { [key]: 'true' }), true)
  })
})
