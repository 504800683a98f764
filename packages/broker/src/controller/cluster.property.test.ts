import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { TestCluster } from './cluster.fixture.ts'
import type { ClusterImage } from '../image/cluster-image.ts'
import { hasLeader, isIntact } from '../image/partition-change.ts'
import { assertValid } from '../image/partition-state.ts'
import type { PartitionState } from '../image/partition-state.ts'
import type { LiveBroker } from '../image/records.ts'
import { encodeTopic } from '../image/topic.ts'
import { allPartitions, brokerRoles } from './cluster-view.ts'

const brokerIds = [1, 2, 3, 4, 5, 6]
const brokerId = fc.constantFrom(...brokerIds)
const topicName = fc.constantFrom('a', 'b', 'c')

const lateMs = fc.constantFrom(0, 0, 3, 30, 100)
const start = { id: brokerId, lossy: fc.boolean(), lateMs }

const topicStep = fc.record({
  kind: fc.constant('topic' as const),
  name: topicName,
  partitions: fc.integer({ min: 1, max: 12 }),
  least: fc.integer({ min: 1, max: 3 }),
  unclean: fc.boolean(),
  factor: fc.integer({ min: 0, max: 3 }),
})

const step = fc.oneof(
  { weight: 4, arbitrary: fc.record({ kind: fc.constant('toggle' as const), ...start }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('restart' as const), ...start }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('stopping' as const), id: brokerId }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('drain' as const), id: brokerId }) },
  { weight: 2, arbitrary: topicStep },
  { weight: 5, arbitrary: fc.record({ kind: fc.constant('lag' as const), id: brokerId }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('produce' as const) }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('replicate' as const) }) },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('configure' as const),
      name: topicName,
      least: fc.integer({ min: 1, max: 3 }),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('policy' as const),
      definition: fc.constantFrom(
        { 'ha-mode': 'all', 'ha-sync-mode': 'automatic' },
        { 'ha-mode': 'exactly', 'ha-params': 2, 'ha-sync-mode': 'automatic' },
        { 'ha-mode': 'exactly', 'ha-params': 1 },
        { 'ha-mode': 'nodes', 'ha-params': [1, 3], 'ha-promote-on-shutdown': 'always' },
      ),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({
      kind: fc.constant('reassign' as const),
      name: topicName,
      replicas: fc.option(fc.shuffledSubarray(brokerIds, { minLength: 1, maxLength: 3 }), { nil: null }),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('time' as const), ms: fc.constantFrom(5, 50, 1000, 40_000) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('settle' as const), replicate: fc.boolean() }) },
)
type Step = typeof step extends fc.Arbitrary<infer S> ? S : never

/** How many records a partition has acknowledged, and how many of them each broker has. */
interface Records {
  acknowledged: number
  readonly held: Map<number, number>
}

/** Looks at every state that the store ever shows, one after the other, and keeps account of the data behind it. */
class Observer {
  readonly #image: ClusterImage
  readonly #cluster: TestCluster
  readonly #states = new Map<string, PartitionState>()
  readonly #leaders = new Map<string, string>()
  readonly #records = new Map<string, Records>()
  #brokers = new Map<number, LiveBroker>()
  readonly faults: string[] = []

  constructor(cluster: TestCluster) {
    this.#cluster = cluster
    this.#image = cluster.image
    cluster.feed.onChange(() => this.#look())
  }

  /** Every partition that can acknowledges one more record, which all in sync then have. */
  produce(): void {
    const { brokers } = this.#image
    for (const { topic, state } of allPartitions(this.#image)) {
      const least = Math.min(Number(topic.configs.get('min.insync.replicas')), state.replicas.length)
      // A leader acknowledges nothing while replicas are eligible, whatever the minimum is by now: they would lack it.
      if (state.inSyncReplicas.length < least || state.eligible.length > 0 || !hasLeader(state, brokers)) continue
      if (state.recovering || !state.inSyncReplicas.every((id) => isIntact(state, brokers, id))) continue
      const records = this.#recordsOf(`${topic.id}/${state.index}`)
      records.acknowledged++
      for (const id of state.inSyncReplicas) records.held.set(id, records.acknowledged)
    }
  }

  /** A broker has lost what it had. */
  lose(brokerId: number): void {
    for (const { held } of this.#records.values()) held.delete(brokerId)
  }

  #recordsOf(key: string): Records {
    const records = this.#records.get(key) ?? { acknowledged: 0, held: new Map<number, number>() }
    this.#records.set(key, records)
    return records
  }

  #look(): void {
    for (const { topic, state } of allPartitions(this.#image)) {
      const key = `${topic.id}/${state.index}`
      const before = this.#states.get(key)
      if (before === state) continue
      this.#states.set(key, state)
      try {
        assertValid(state)
        this.#checkTerm(key, state)
        if (before !== undefined)
          this.#checkStep(key, topic.configs.get('unclean.leader.election.enable'), before, state)
      } catch (error) {
        this.faults.push(`${key}: ${String(error)} ${JSON.stringify([before, state])}`)
      }
    }
    this.#brokers = new Map(this.#image.brokers)
  }

  #checkTerm(key: string, state: PartitionState): void {
    if (state.leader === -1) return
    const term = `${key} ${state.leaderEpoch}`
    const leader = `${state.leader} ${state.leaderBrokerEpoch}`
    assert.equal(this.#leaders.get(term) ?? leader, leader, 'two leaders in one epoch')
    this.#leaders.set(term, leader)
  }

  #checkStep(key: string, unclean: string | undefined, before: PartitionState, after: PartitionState): void {
    assert.ok(after.leaderEpoch >= before.leaderEpoch, 'the leader epoch went back')
    assert.ok(after.inSyncReplicas.length > 0, 'nobody is in sync')
    if (before.removing.some((id) => !after.replicas.includes(id))) {
      const missing = after.replicas.filter((id) => !after.inSyncReplicas.includes(id))
      assert.deepEqual(missing, [], 'replicas were dropped before all that stay were in sync')
    }
    const records = this.#recordsOf(key)
    for (const id of before.replicas) if (!after.replicas.includes(id)) records.held.delete(id)
    if (after.leader === -1 || after.leaderBrokerEpoch === before.leaderBrokerEpoch) {
      // Who joins has caught up with the leader.
      for (const id of after.inSyncReplicas) {
        if (!before.inSyncReplicas.includes(id)) records.held.set(id, records.held.get(after.leader) ?? 0)
      }
      return
    }
    const live = this.#brokers
    assert.equal(after.leaderBrokerEpoch, this.#image.brokers.get(after.leader)?.epoch, 'elected under another epoch')
    if (unclean === 'true' || after.recovering) {
      const isAllowed = unclean === 'true' || this.#cluster.image.policies.size > 0
      assert.ok(isAllowed, 'an election was unclean without leave')
      this.#restart(key, after)
      return
    }
    const members = [...before.inSyncReplicas, ...before.eligible]
    assert.ok(members.includes(after.leader), 'elected from outside ISR and ELR')
    const lastResort = members.every((id) => live.has(id) && !isIntact(before, live, id))
    if (lastResort) this.#restart(key, after)
    else assert.ok(isIntact(before, live, after.leader), 'elected one that has lost something')
    assert.equal(
      records.held.get(after.leader) ?? 0,
      records.acknowledged,
      'the new leader lacks what was acknowledged',
    )
  }

  /** After an election that lost data by leave: what the leader has is all there is. */
  #restart(key: string, state: PartitionState): void {
    const records = this.#recordsOf(key)
    records.acknowledged = records.held.get(state.leader) ?? 0
    records.held.clear()
    records.held.set(state.leader, records.acknowledged)
  }
}

class Walk {
  readonly cluster: TestCluster
  readonly #made = new Set<string>()

  readonly observer: Observer

  constructor(cluster: TestCluster) {
    this.cluster = cluster
    this.observer = new Observer(cluster)
  }

  async #start(step: { id: number; lossy: boolean; lateMs: number }): Promise<void> {
    if (step.lossy) this.observer.lose(step.id)
    await this.cluster.start(step.id, step)
  }

  async take(step: Step): Promise<void> {
    const { cluster } = this
    const up = [...cluster.members.keys()]
    switch (step.kind) {
      case 'toggle':
        if (!cluster.members.has(step.id)) await this.#start(step)
        else if (up.length > 1) await cluster.kill(step.id)
        return
      case 'restart':
        if (!cluster.members.has(step.id)) return
        await cluster.kill(step.id)
        await this.#start(step)
        return
      case 'stopping':
        if (cluster.members.has(step.id) && cluster.image.brokers.has(step.id))
          await cluster.setStatus(step.id, 'stopping')
        return
      case 'drain':
        return this.#drain(step.id)
      case 'topic':
        return this.#createTopic(step)
      case 'lag':
        return this.#lag(step.id)
      case 'produce':
        return this.observer.produce()
      case 'configure':
        return this.#configure(step.name, step.least)
      case 'replicate':
        await cluster.replicate()
        return
      case 'policy': {
        const value = { pattern: '^[ab]$', priority: 0, applyTo: 'all', definition: step.definition }
        return cluster.write([{ kind: 'put', key: '/policies/p', value: JSON.stringify(value) }])
      }
      case 'reassign':
        return this.#reassign(step, up[0]!)
      case 'time':
        return
      case 'settle':
        await cluster.settle({ replicate: step.replicate })
    }
  }

  #drain(id: number): Promise<void> {
    const key = `/drains/${id}`
    const isDrained = this.cluster.image.drains.has(id)
    return this.cluster.write([
      isDrained ? { kind: 'delete', key } : { kind: 'put', key, value: '{"requestedAtMs":0}' },
    ])
  }

  async #createTopic({ name, partitions, least, unclean, factor }: Step & { kind: 'topic' }): Promise<void> {
    const { candidates } = brokerRoles(this.cluster.image)
    if (this.#made.has(name) || candidates.length < Math.max(1, factor)) return
    this.#made.add(name)
    await this.cluster.createTopic(name, {
      partitions,
      placement: factor === 0 ? { kind: 'default' } : { kind: 'factor', factor },
      configs: { 'min.insync.replicas': String(least), ...(unclean && { 'unclean.leader.election.enable': 'true' }) },
    })
  }

  #configure(name: string, least: number): Promise<void> {
    const topic = this.cluster.image.topics.get(name)
    if (topic === undefined) return Promise.resolve()
    const configs = new Map([...topic.configs, ['min.insync.replicas', String(least)]])
    return this.cluster.write([{ kind: 'put', key: `/topics/${name}`, value: encodeTopic({ ...topic, configs }) }])
  }

  /** Followers on one broker fall behind: their leaders take them out of the ISR. */
  async #lag(id: number): Promise<void> {
    const { image } = this.cluster
    for (const { topic, state } of allPartitions(image)) {
      if (state.leader === id || !state.inSyncReplicas.includes(id) || !hasLeader(state, image.brokers)) continue
      const inSync = state.inSyncReplicas.filter((member) => member !== id)
      await this.cluster.setIsr(topic, state, inSync, Number(topic.configs.get('min.insync.replicas')))
    }
  }

  async #reassign({ name, replicas }: Step & { kind: 'reassign' }, by: number): Promise<void> {
    const topic = this.cluster.image.topics.get(name)
    if (topic === undefined) return
    await this.cluster.drive(
      this.cluster.partitions(by).alterReassignments([{ topicId: topic.id, index: 0, replicas }]),
    )
  }

  /** All brokers up, nothing drained, no policy. */
  async heal(): Promise<void> {
    const { cluster } = this
    for (const id of brokerIds) {
      if (!cluster.members.has(id)) await cluster.start(id)
      else if (cluster.image.brokers.get(id)?.status === 'stopping') {
        await cluster.kill(id)
        await cluster.start(id)
      }
    }
    const drains = [...cluster.image.drains.keys()].map((id) => ({ kind: 'delete' as const, key: `/drains/${id}` }))
    await cluster.write([...drains, { kind: 'delete', key: '/policies/p' }])
    await cluster.settle()
    cluster.clock.advance(40_000)
    await cluster.settle()
  }
}

/** @param replicated whether replicas could get in sync, without which nothing can move */
function checkQuiet(cluster: TestCluster, replicated: boolean): void {
  const { image } = cluster
  for (const { topic, state } of allPartitions(image)) {
    const text = `${topic.name}/${state.index} ${JSON.stringify(state)}`
    const canLead = state.inSyncReplicas.some((id) => isIntact(state, image.brokers, id))
    if (canLead) assert.ok(hasLeader(state, image.brokers), `no leader: ${text}`)
    if (!hasLeader(state, image.brokers)) continue
    for (const id of state.inSyncReplicas) {
      assert.ok(id === state.leader || isIntact(state, image.brokers, id), `${id} is in sync though gone: ${text}`)
    }
    const least = Math.min(Number(topic.configs.get('min.insync.replicas')), state.replicas.length)
    assert.ok(state.inSyncReplicas.length < least || state.eligible.length === 0, `cannot go on: ${text}`)
    const isDrainable = topic.placement.kind === 'default' && state.inSyncReplicas.length === state.replicas.length
    const isFree = [...image.brokers.values()].some(({ id, status }) => status === 'serving' && !image.drains.has(id))
    if (!replicated || !isDrainable || !isFree) continue
    for (const id of state.replicas) assert.ok(!image.drains.has(id), `a drained broker holds ${text}`)
  }
}

function checkEven(cluster: TestCluster): void {
  const partitions = [...allPartitions(cluster.image)]
  for (const { topic, state } of partitions) {
    assert.ok(state.adding.length + state.removing.length === 0, `still moving: ${JSON.stringify(state)}`)
    if (topic.placement.kind === 'default') assert.equal(state.replicas.length, 3)
    if (topic.placement.kind === 'factor') assert.equal(state.replicas.length, topic.placement.factor)
    assert.deepEqual(state.inSyncReplicas.length, state.recovering ? 1 : state.replicas.length)
  }
  if (partitions.some(({ topic, state }) => topic.placement.kind === 'assigned' || state.recovering)) return
  const replicas = brokerIds.map((id) => partitions.filter(({ state }) => state.replicas.includes(id)).length)
  const leaders = brokerIds.map((id) => partitions.filter(({ state }) => state.leader === id).length)
  assert.ok(Math.max(...replicas) - Math.min(...replicas) <= 1, `replicas ${replicas.join()}`)
  // With different numbers of replicas the leaders can only be as even as the replicas lie.
  if (new Set(partitions.map(({ state }) => state.replicas.length)).size !== 1) return
  assert.ok(Math.max(...leaders) - Math.min(...leaders) <= 1, `leaders ${leaders.join()}`)
}

async function walk(lates: readonly number[], steps: readonly Step[], everybodyControls: boolean): Promise<void> {
  const cluster = await TestCluster.open({ everybodyControls })
  for (const [i, late] of lates.entries()) await cluster.start(i + 1, { lateMs: late })
  const walker = new Walk(cluster)
  const { observer } = walker
  for (const each of steps) {
    await walker.take(each)
    await cluster.turn(each.kind === 'time' ? each.ms : 1)
    if (each.kind === 'settle') checkQuiet(cluster, each.replicate)
    assert.deepEqual(observer.faults, [])
  }
  await walker.heal()
  assert.deepEqual(observer.faults, [])
  checkQuiet(cluster, true)
  checkEven(cluster)
  assert.equal(await cluster.settle(), 0, 'what is quiet stays quiet')
  await cluster.close()
}

describe('a cluster to which anything happens', () => {
  const lates = fc.array(lateMs, { minLength: 3, maxLength: 3 })
  const walks = fc
    .tuple(topicStep, fc.array(step, { minLength: 5, maxLength: 40 }))
    .map(([first, others]): readonly Step[] => [first, ...others])

  it('keeps every state valid, elects nobody without the data, and comes to rest as it should be', async () => {
    await fc.assert(
      fc.asyncProperty(lates, walks, (late, steps) => walk(late, steps, false)),
      { numRuns: 14 },
    )
  })

  it('does so with several controllers that all think they are the one', async () => {
    await fc.assert(
      fc.asyncProperty(lates, walks, (late, steps) => walk(late, steps, true)),
      { numRuns: 12 },
    )
  })
})
