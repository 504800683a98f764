import { ManualClock } from '../cluster/embedded/manual-clock.fixture.ts'
import { EmbeddedMetadataStore } from '../cluster/embedded/embedded-store.ts'
import type { LeaseId, MetadataStore, Operation, RangeResult, Watch, WatchListener } from '../cluster/metadata-store.ts'
import { completeSettings } from '../config/broker-settings.ts'
import type { BrokerSettings } from '../config/broker-table.ts'
import { MemoryDisk } from '../host/memory/memory-disk.ts'
import { ClusterImage } from '../image/cluster-image.ts'
import { ImageFeed } from '../image/image-feed.ts'
import { brokerKey, identityKey, partitionKey, topicKey } from '../image/keys.ts'
import { changeIsr, hasLeader } from '../image/partition-change.ts'
import { encodePartition, newPartition } from '../image/partition-state.ts'
import type { PartitionState } from '../image/partition-state.ts'
import type { BrokerRecord } from '../image/records.ts'
import { encodeTopic } from '../image/topic.ts'
import type { Placement, Topic } from '../image/topic.ts'
import { silentLogger } from '../telemetry/logger.ts'
import { assignReplicas } from './assign-replicas.ts'
import { ClusterAdmin } from './cluster-admin.ts'
import { allPartitions } from './cluster-view.ts'
import { Controller } from './controller.ts'
import type { Candidacy } from './controller.ts'
import { ControllerElection } from './election.ts'
import { PartitionAdmin } from './partition-admin.ts'
import { placementRule, TopicRules } from './topic-rules.ts'

export interface BrokerOptions {
  readonly rack?: string
  /** Whether the broker has lost something since its last registration. */
  readonly lossy?: boolean
  readonly status?: 'serving' | 'stopping'
  /** How much later than others the broker learns of changes. */
  readonly lateMs?: number
}

export interface TopicOptions {
  readonly partitions?: number
  readonly placement?: Placement
  readonly configs?: Record<string, string>
  /** Replicas by partition. */
  readonly assignment?: readonly (readonly number[])[]
}

interface Member {
  readonly lease: LeaseId
  readonly feed: ImageFeed
  readonly election: ControllerElection
  readonly controller: Controller
}

const defaultPlacement: Placement = { kind: 'default' }

export function brokerRecord({ rack = '', status = 'serving' }: BrokerOptions = {}, intactSince = 0): BrokerRecord {
  return { directoryId: 'd', host: 'h', port: 1, rack, version: '1', status, intactSince }
}

/** An image that no store stands behind. Brokers have the epoch 100 + id. */
export function imageOf(
  brokers: Readonly<Record<number, BrokerOptions>>,
  topics: readonly Topic[] = [],
  other: Readonly<Record<string, unknown>> = {},
): ClusterImage {
  const image = new ClusterImage(({ key, reason }) => {
    throw new Error(`${key}: ${reason}`)
  })
  const put = (key: string, value: string, revision: number): void => {
    const keyValue = { key, value, createRevision: revision, modRevision: revision, version: 1, lease: '0' as LeaseId }
    image.apply(revision, [{ kind: 'put', keyValue }])
  }
  for (const topic of topics) {
    for (const state of topic.partitions) put(partitionKey(topic.id, state.index), encodePartition(state), 1)
    put(topicKey(topic.name), encodeTopic(topic), 1)
  }
  for (const [key, value] of Object.entries(other)) put(key, JSON.stringify(value), 2)
  for (const [id, options] of Object.entries(brokers)) {
    const epoch = 100 + Number(id)
    put(brokerKey(Number(id)), JSON.stringify(brokerRecord(options, options.lossy === true ? epoch : 0)), epoch)
  }
  return image
}

/** A topic whose brokers all have the epoch 100 + id. */
export function topicOf(
  name: string,
  assignment: readonly (readonly number[])[],
  placement: Placement = defaultPlacement,
  configs: Readonly<Record<string, string>> = {},
): Topic {
  const partitions = assignment.map((replicas, index) => {
    return newPartition(index, replicas, new Map(replicas.map((id) => [id, 100 + id])))
  })
  return {
    name,
    id: `${name}-id`,
    internal: false,
    partitions,
    configs: new Map(Object.entries(configs)),
    placement,
    modRevision: 0,
  }
}

/** A metadata store with brokers that have a controller each, and replicas that do nothing but get in sync. */
export class TestCluster {
  readonly store: EmbeddedMetadataStore
  readonly clock: ManualClock
  readonly feed: ImageFeed
  readonly settings: BrokerSettings
  readonly members = new Map<number, Member>()
  readonly #everybodyControls: boolean
  /** Outlives registrations, as `IdentityRecord` does. */
  readonly #intactSince = new Map<number, number>()
  #topicCount = 0

  private constructor(store: EmbeddedMetadataStore, clock: ManualClock, options: ClusterOptions) {
    this.store = store
    this.clock = clock
    this.feed = new ImageFeed({ store, clock, logger: silentLogger })
    this.settings = completeSettings(options.settings ?? {})
    this.#everybodyControls = options.everybodyControls ?? false
  }

  static async open(options: ClusterOptions = {}): Promise<TestCluster> {
    const clock = new ManualClock()
    const store = await EmbeddedMetadataStore.open({ disk: new MemoryDisk(), clock, directory: 'metadata' })
    const cluster = new TestCluster(store, clock, options)
    await cluster.feed.start()
    for (let id = 1; id <= (options.brokers ?? 0); id++) await cluster.start(id)
    return cluster
  }

  get image(): ClusterImage {
    return this.feed.image
  }

  admin(brokerId: number): ClusterAdmin {
    const { store, clock, settings } = this
    return new ClusterAdmin({ store, clock, settings, brokerId, feed: this.members.get(brokerId)!.feed })
  }

  partitions(brokerId: number): PartitionAdmin {
    const { feed } = this.members.get(brokerId)!
    return new PartitionAdmin({ admin: this.admin(brokerId), feed, rules: new TopicRules(feed.image, this.settings) })
  }

  async start(id: number, options: BrokerOptions = {}): Promise<void> {
    const { store, clock, settings } = this
    const { id: lease } = await store.grantLease(86_400_000)
    const record = brokerRecord(options)
    // Its own epoch is known only afterwards; the revision before it serves as well.
    const { revision } = await store.range('', { limit: 1 })
    if (options.lossy === true) this.#intactSince.set(id, revision)
    const value = JSON.stringify({ ...record, intactSince: this.#intactSince.get(id) ?? 0 })
    const put: Operation = { kind: 'put', key: brokerKey(id), value, lease }
    const identity: Operation = { kind: 'put', key: identityKey(id), value: '{}' }
    const { revision: brokerEpoch } = await store.transaction({ then: [put, identity] })
    const feed = new ImageFeed({ store: new LateStore(store, clock, options.lateMs ?? 0), clock, logger: silentLogger })
    await feed.start()
    const parts = { store, feed, clock, logger: silentLogger }
    const election = new ControllerElection({ ...parts, lease, brokerId: id, brokerEpoch })
    const candidacy: Candidacy = this.#everybodyControls ? new Usurper(feed) : election
    const controller = new Controller({ ...parts, settings, election: candidacy })
    this.members.set(id, { lease, feed, election, controller })
    controller.start()
    election.start()
  }

  /** Ends the process: no more work, and all that stands under its lease goes. */
  async kill(id: number): Promise<void> {
    const member = this.members.get(id)!
    this.members.delete(id)
    member.election.stop()
    await this.store.revokeLease(member.lease)
    member.feed.close()
    await this.drive(member.controller.close())
  }

  async setStatus(id: number, status: 'serving' | 'stopping'): Promise<void> {
    const { lease } = this.members.get(id)!
    const { epoch: _epoch, id: _id, ...record } = this.image.brokers.get(id)!
    const value = JSON.stringify({ ...record, status })
    await this.store.transaction({ then: [{ kind: 'put', key: brokerKey(id), value, lease }] })
  }

  async createTopic(name: string, options: TopicOptions = {}): Promise<Topic> {
    const { placement = defaultPlacement, partitions: partitionCount = 1, configs = {} } = options
    const rule = placementRule(this.image, name, placement)
    const assignment = options.assignment ?? assignReplicas({ image: this.image, rule, partitionCount })
    const epochs = new Map([...this.image.brokers].map(([id, { epoch }]) => [id, epoch]))
    const states = assignment.map((replicas, index) => newPartition(index, replicas, epochs))
    const id = `topic-${++this.#topicCount}`
    const topic = { ...topicOf(name, assignment, placement, configs), id, partitions: states }
    await this.write(states.map((state) => put(partitionKey(id, state.index), encodePartition(state))))
    await this.write([put(topicKey(name), encodeTopic(topic))])
    return topic
  }

  async write(operations: readonly Operation[]): Promise<void> {
    let revision = 0
    for (let at = 0; at < operations.length; at += 100) {
      revision = (await this.store.transaction({ then: operations.slice(at, at + 100) })).revision
    }
    await this.feed.reached(revision)
  }

  topic(name: string): Topic {
    const topic = this.image.topics.get(name)
    if (topic === undefined) throw new Error(`no topic ${name}`)
    return topic
  }

  /** Writes an ISR as the leader of a partition would, if the state is still the one given. */
  async setIsr(topic: Topic, state: PartitionState, inSync: readonly number[], minInsyncReplicas = 1): Promise<void> {
    const joined = inSync.filter((id) => !state.inSyncReplicas.includes(id))
    const epochs = new Map(joined.map((id) => [id, this.image.brokers.get(id)!.epoch]))
    const after = changeIsr(state, inSync, epochs, minInsyncReplicas, this.image.brokers)
    const key = partitionKey(topic.id, state.index)
    await this.store.transaction({
      compare: [
        { key, target: 'modRevision', operator: '=', value: state.modRevision },
        ...joined.map((id) => {
          const value = epochs.get(id)!
          return { key: brokerKey(id), target: 'createRevision' as const, operator: '=' as const, value }
        }),
      ],
      then: [put(key, encodePartition(after))],
    })
  }

  async #setState(topic: Topic, before: PartitionState, after: PartitionState): Promise<void> {
    const key = partitionKey(topic.id, before.index)
    await this.store.transaction({
      compare: [{ key, target: 'modRevision', operator: '=', value: before.modRevision }],
      then: [put(key, encodePartition(after))],
    })
  }

  /** What leaders do: live replicas that do not stop get in sync. Returns whether there were any. */
  async replicate(): Promise<boolean> {
    const { brokers } = this.image
    const writes: Promise<void>[] = []
    for (const { topic, state } of allPartitions(this.image)) {
      if (!hasLeader(state, brokers)) continue
      if (state.recovering) {
        writes.push(this.#setState(topic, state, { ...state, recovering: false }))
        continue
      }
      const missing = state.replicas.filter((id) => {
        return !state.inSyncReplicas.includes(id) && brokers.get(id)?.status === 'serving'
      })
      if (missing.length === 0) continue
      const least = Number(topic.configs.get('min.insync.replicas') ?? 1)
      writes.push(this.setIsr(topic, state, [...state.inSyncReplicas, ...missing], least))
    }
    await Promise.all(writes)
    return writes.length > 0
  }

  /** Lets time and turns go by until nothing changes any more. Returns how many writes that took. */
  async settle(options: { replicate?: boolean; turnCountMax?: number } = {}): Promise<number> {
    const { replicate = true, turnCountMax = 5000 } = options
    const first = this.image.revision
    let quietCount = 0
    for (let turn = 0; turn < turnCountMax; turn++) {
      const before = this.image.revision
      if (replicate && (await this.replicate())) quietCount = 0
      await this.turn(10)
      const isIdle = [...this.members.values()].every(({ controller }) => controller.isIdle)
      quietCount = isIdle && this.image.revision === before ? quietCount + 1 : 0
      if (quietCount >= 12) return this.image.revision - first
    }
    throw new Error(`not quiet after ${turnCountMax} turns`)
  }

  /** One turn of the event loop, and so much time. */
  async turn(durationMs = 0): Promise<void> {
    await new Promise<void>((resolve) => this.clock.endOfTurn(resolve))
    this.clock.advance(durationMs)
  }

  async close(): Promise<void> {
    for (const id of this.members.keys()) await this.kill(id)
    this.feed.close()
    await this.store.close()
  }

  /** Waits for something that may itself wait for time to pass. */
  async drive<T>(promise: Promise<T>): Promise<T> {
    let isDone = false
    const end = (): void => {
      isDone = true
    }
    promise.then(end, end)
    while (!isDone) await this.turn(10)
    return promise
  }
}

/** A store that tells of changes late, but in order. */
class LateStore implements Pick<MetadataStore, 'range' | 'watch'> {
  readonly #store: MetadataStore
  readonly #clock: ManualClock
  readonly #lateMs: number

  constructor(store: MetadataStore, clock: ManualClock, lateMs: number) {
    this.#store = store
    this.#clock = clock
    this.#lateMs = lateMs
  }

  range(prefix: string): Promise<RangeResult> {
    return this.#store.range(prefix)
  }

  watch(prefix: string, fromRevision: number, listener: WatchListener): Watch {
    let isCancelled = false
    const watch = this.#store.watch(prefix, fromRevision, (outcome) => {
      const tell = (): void => {
        if (!isCancelled) listener(outcome)
      }
      if (this.#lateMs === 0) tell()
      else this.#clock.startTimer(this.#lateMs, tell)
    })
    return {
      cancel: () => {
        isCancelled = true
        watch.cancel()
      },
    }
  }
}

interface ClusterOptions {
  readonly brokers?: number
  readonly settings?: Partial<BrokerSettings>
  /** Whether all controllers work at the same time, each believing itself to be the one elected. */
  readonly everybodyControls?: boolean
}

/** Takes the epoch of whoever is elected for its own. */
class Usurper implements Candidacy {
  readonly #feed: ImageFeed

  constructor(feed: ImageFeed) {
    this.#feed = feed
  }

  get epoch(): number | undefined {
    return this.#feed.image.controller?.epoch
  }

  onChange(listener: () => void): () => void {
    return this.#feed.onChange(({ controller }) => {
      if (controller) listener()
    })
  }
}

function put(key: string, value: string): Operation {
  return { kind: 'put', key, value }
}
