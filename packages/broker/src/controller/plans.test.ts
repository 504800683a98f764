import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { PartitionState } from '../image/partition-state.ts'
import { BrokerLoads } from './broker-loads.ts'
import { imageOf, topicOf } from './cluster.fixture.ts'
import type { BrokerOptions } from './cluster.fixture.ts'
import { brokerRoles } from './cluster-view.ts'
import type { BrokerRoles } from './cluster-view.ts'
import { planPreferredLeader } from './plan-balance.ts'
import { canHandOver } from '../image/partition-change.ts'
import { planElection } from './plan-elections.ts'
import { planReassignment } from './plan-reassignments.ts'
import { targetReplicas } from './replica-target.ts'
import type { PlacementRule, TopicRule } from './topic-rules.ts'

function roles(brokers: Readonly<Record<number, BrokerOptions>>, ...drained: readonly number[]): BrokerRoles {
  const drains = Object.fromEntries(drained.map((id) => [`/drains/${id}`, { requestedAtMs: 1 }]))
  return brokerRoles(imageOf(brokers, [], drains))
}

function partition(replicas: readonly number[], change: Partial<PartitionState> = {}): PartitionState {
  return { ...topicOf('t', [replicas]).partitions[0]!, ...change }
}

const upToThree: PlacementRule = { kind: 'count', count: 3, isFirm: false, mayGrow: true }
const rule: TopicRule = {
  placement: upToThree,
  minInsyncReplicas: 1,
  promotesOnFailure: false,
  promotesOnShutdown: false,
}
const three = { 1: {}, 2: {}, 3: {} }
const stopping = { status: 'stopping' } as const

function facts(state: PartitionState | undefined): unknown {
  return state && [state.leader, state.leaderEpoch, state.inSyncReplicas, state.eligible]
}

describe('planElection', () => {
  it('changes nothing where all is well', () => {
    assert.equal(planElection(partition([1, 2, 3]), rule, roles(three)), undefined)
    assert.equal(planElection(partition([1]), rule, roles({ 1: stopping })), undefined)
  })

  it('hands over from who stops, and from who is drained', () => {
    assert.deepEqual(facts(planElection(partition([1, 2]), rule, roles({ ...three, 1: stopping }))), [2, 1, [2], []])
    assert.deepEqual(facts(planElection(partition([1, 2]), rule, roles(three, 1))), [2, 1, [1, 2], []])
    const both = { 1: stopping, 2: stopping, 3: {} }
    assert.equal(planElection(partition([1, 2]), rule, roles(both)), undefined, 'neither would gain by it')
    const toDrained = planElection(partition([1, 2]), rule, roles({ ...three, 1: stopping }, 2))
    assert.equal(toDrained?.leader, 2, 'one that is drained rather than nobody')
  })

  it('keeps who leaves below the minimum as eligible, until the minimum is lower', () => {
    const two: TopicRule = { ...rule, minInsyncReplicas: 2 }
    const shrunk = planElection(partition([1, 2]), two, roles({ 1: {} }))!
    assert.deepEqual(facts(shrunk), [1, 0, [1], [2]])
    assert.equal(planElection(shrunk, two, roles({ 1: {} })), undefined)
    assert.deepEqual(facts(planElection(shrunk, rule, roles({ 1: {} }))), [1, 0, [1], []])
  })

  it('says that nobody leads when nobody can, once', () => {
    const lost = planElection(partition([1, 2], { inSyncReplicas: [1] }), rule, roles({ 2: {} }))!
    assert.deepEqual(facts(lost), [-1, 1, [1], []])
    assert.equal(planElection(lost, rule, roles({ 2: {} })), undefined)
    const unclean = planElection(lost, { ...rule, promotesOnFailure: true }, roles({ 2: {} }))!
    assert.deepEqual(facts(unclean), [2, 2, [2], []])
    assert.deepEqual(facts(planElection(lost, rule, roles({ 1: {}, 2: {} }))), [1, 2, [1], []])
  })

  it('knows when a stopping broker has nothing left to hand over', () => {
    const brokers = roles({ 1: stopping, 2: {}, 3: stopping })
    assert.equal(canHandOver(partition([1, 2]), brokers.live, 1), true)
    assert.equal(canHandOver(partition([1, 3]), brokers.live, 1), false)
    assert.equal(canHandOver(partition([2, 1]), brokers.live, 1), false)
    assert.equal(canHandOver(partition([1, 2], { inSyncReplicas: [1] }), brokers.live, 1), false)
  })
})

describe('planReassignment', () => {
  const moving = { replicas: [2, 3, 1], adding: [2, 3], removing: [1], leader: 1 }

  it('waits for all that stay, then hands over and drops in one step', () => {
    assert.equal(
      planReassignment(partition([2, 3, 1], { ...moving, inSyncReplicas: [1, 2] }), rule, roles(three)),
      undefined,
    )
    const ready = partition([2, 3, 1], { ...moving, inSyncReplicas: [1, 2, 3], leaderBrokerEpoch: 101 })
    const done = planReassignment(ready, rule, roles(three))!
    assert.deepEqual([done.leader, done.leaderEpoch, done.replicas, done.adding, done.removing], [2, 2, [2, 3], [], []])
    assert.equal(planReassignment(ready, rule, roles({ 2: {}, 3: {} })), undefined, 'a leader comes first')
  })
})

describe('planPreferredLeader', () => {
  it('gives the leadership back to the first replica in sync', () => {
    const led = { leader: 2, leaderBrokerEpoch: 102 }
    assert.equal(planPreferredLeader(partition([1, 2], led), rule, roles(three))?.leader, 1)
    assert.equal(planPreferredLeader(partition([1, 2], { ...led, inSyncReplicas: [2] }), rule, roles(three)), undefined)
    assert.equal(planPreferredLeader(partition([1, 2], led), rule, roles(three, 1)), undefined)
    assert.equal(planPreferredLeader(partition([1, 2], led), rule, roles({ ...three, 1: stopping })), undefined)
    assert.equal(planPreferredLeader(partition([1, 2], { ...led, adding: [1] }), rule, roles(three)), undefined)
  })
})

describe('targetReplicas', () => {
  interface Case {
    readonly what: string
    readonly brokers?: Readonly<Record<number, BrokerOptions>>
    readonly drained?: readonly number[]
    readonly lost?: readonly number[]
    readonly replicas: readonly number[]
    readonly change?: Partial<PartitionState>
    readonly rule?: PlacementRule
    readonly target: readonly number[]
  }
  const firm: PlacementRule = { kind: 'count', count: 2, isFirm: true, mayGrow: true }
  const all: PlacementRule = { kind: 'all', mayGrow: true }
  const nodes: PlacementRule = { kind: 'nodes', brokerIds: [2, 3], mayGrow: true }
  const manual: PlacementRule = { kind: 'count', count: 3, isFirm: false, mayGrow: false }
  const assigned: PlacementRule = { kind: 'assigned' }
  const racks = { 1: { rack: 'a' }, 2: { rack: 'a' }, 3: { rack: 'b' } }
  const cases: readonly Case[] = [
    { what: 'enough is enough', replicas: [3, 1, 2], target: [3, 1, 2] },
    { what: 'grows to three', replicas: [2], target: [2, 1, 3] },
    { what: 'shrinks, the leader staying', rule: firm, replicas: [3, 1, 2], target: [3, 1] },
    {
      what: 'drops who is behind first',
      rule: firm,
      replicas: [1, 2, 3],
      change: { inSyncReplicas: [2, 3], leader: 2 },
      target: [2, 3],
    },
    { what: 'a drained one is replaced in its place', rule: firm, drained: [1], replicas: [1, 2], target: [3, 2] },
    {
      what: 'a promise is kept on a drained broker',
      rule: firm,
      brokers: { 1: {}, 2: {} },
      drained: [1],
      replicas: [1, 2],
      target: [1, 2],
    },
    { what: 'the default is not', brokers: { 1: {}, 2: {} }, drained: [1], replicas: [1, 2], target: [2] },
    { what: 'the last one stays', brokers: { 1: {} }, drained: [1], replicas: [1], target: [1] },
    { what: 'who is away stays', brokers: { 1: {}, 2: {} }, replicas: [1, 2, 3], target: [1, 2, 3] },
    {
      what: 'who is lost stays without a successor',
      brokers: { 1: {}, 2: {} },
      lost: [3],
      replicas: [1, 2, 3],
      target: [1, 2, 3],
    },
    {
      what: 'who is lost is replaced',
      brokers: { 1: {}, 2: {}, 4: {} },
      lost: [3],
      replicas: [3, 1, 2],
      target: [4, 1, 2],
    },
    {
      what: 'not what was assigned',
      rule: assigned,
      brokers: { 1: {}, 4: {} },
      lost: [3],
      replicas: [3, 1],
      target: [3, 1],
    },
    { what: 'a drain moves what was assigned', rule: assigned, drained: [1], replicas: [1], target: [2] },
    {
      what: 'who was only coming is not waited for',
      brokers: { 1: {}, 2: {}, 4: {} },
      replicas: [1, 2, 3],
      change: { adding: [3], inSyncReplicas: [1, 2] },
      target: [1, 2, 4],
    },
    { what: 'all are all', rule: all, brokers: { ...three, 4: {} }, replicas: [2], target: [2, 1, 3, 4] },
    { what: 'all without the drained', rule: all, drained: [3], replicas: [3, 1, 2], target: [1, 2] },
    {
      what: 'all keeps the lost',
      rule: all,
      brokers: { 1: {}, 2: {} },
      lost: [3],
      replicas: [1, 2, 3],
      target: [1, 2, 3],
    },
    { what: 'the named ones', rule: nodes, replicas: [1], target: [2, 3] },
    { what: 'the named ones that are up', rule: nodes, brokers: { 1: {}, 3: {} }, replicas: [1], target: [3] },
    { what: 'none of the named is up', rule: nodes, brokers: { 1: {} }, replicas: [1], target: [1] },
    { what: 'manual does not grow', rule: manual, replicas: [2], target: [2] },
    { what: 'manual moves for a drain', rule: manual, drained: [2], replicas: [2], target: [1] },
    { what: 'manual named ones are not added', rule: { ...nodes, mayGrow: false }, replicas: [1, 2], target: [2] },
    { what: 'manual, none of the named holds it', rule: { ...nodes, mayGrow: false }, replicas: [1], target: [1] },
    { what: 'racks are parted', rule: firm, brokers: racks, replicas: [1, 2], target: [1, 3] },
    { what: 'but not by hand', rule: assigned, brokers: racks, replicas: [1, 2], target: [1, 2] },
  ]
  for (const each of cases) {
    it(each.what, () => {
      const around = {
        brokers: roles(each.brokers ?? three, ...(each.drained ?? [])),
        loads: new BrokerLoads(),
        lost: new Set(each.lost),
        mayRebalance: true,
      }
      const state = partition(each.replicas, each.change)
      const target = targetReplicas(state, each.rule ?? upToThree, around)
      assert.deepEqual(target, each.target)
      const settled = partition(target)
      assert.deepEqual(targetReplicas(settled, each.rule ?? upToThree, around), target, 'and it stays so')
    })
  }
})
