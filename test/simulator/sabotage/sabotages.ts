import { FollowerReader } from '../../../packages/broker/src/kafka/fetch/follower-reader.ts'
import { ControllerElection } from '../../../packages/broker/src/controller/election.ts'
import { PartitionWrite } from '../../../packages/broker/src/controller/partition-writes.ts'
import { Log } from '../../../packages/broker/src/log/log.ts'
import { LogStore } from '../../../packages/broker/src/log/store.ts'
import { Registration } from '../../../packages/broker/src/membership/registration.ts'
import type { LiveBrokers } from '../../../packages/broker/src/image/partition-change.ts'
import type { PartitionState } from '../../../packages/broker/src/image/partition-state.ts'
import { Follower } from '../../../packages/broker/src/replica/follower.ts'
import { LeaderTerm } from '../../../packages/broker/src/replica/leader-term.ts'
import { Replica } from '../../../packages/broker/src/replica/replica.ts'
import { RemoteMetadataStore } from '../metadata/remote-store.ts'
import { patchGetter, patchMethod } from './patch.ts'
import { queueSabotages } from './queue-sabotages.ts'
import type { Sabotage } from './sabotage.ts'

function all(...undo: (() => void)[]): () => void {
  return () => {
    for (const each of undo) each()
  }
}

const beforeSync: Sabotage = {
  name: 'acknowledged before it is synced',
  source: '1: NATS #7564',
  seedCountMax: 30,
  plan: { faults: ['blackout', 'slow-disk'] },
  begin: () =>
    all(
      patchMethod(
        Log.prototype,
        'append',
        (append) =>
          function (this: Log, ...args) {
            const offset = append.apply(this, args)
            this.markDurable(this.endOffset)
            return offset
          },
      ),
      patchMethod(
        Log.prototype,
        'appendRun',
        (append) =>
          function (this: Log, ...args) {
            const fault = append.apply(this, args)
            this.markDurable(this.endOffset)
            return fault
          },
      ),
    ),
}

/** The store of each log: followers get theirs through a constructor. */
const stores = new WeakMap<Log, LogStore>()

function noteStores(): () => void {
  return patchMethod(
    LogStore.prototype,
    'get',
    (get) =>
      function (this: LogStore, name) {
        for (const log of this.logs()) stores.set(log, this)
        return get.call(this, name)
      },
  )
}

/** A leader that takes every follower's log for its own as far as it goes. */
function blindLeader(): () => void {
  return patchMethod(
    Replica.prototype,
    'endOfEpoch',
    () =>
      function (this: Replica, epoch) {
        return { leaderEpoch: epoch, endOffset: Number.MAX_SAFE_INTEGER }
      },
  )
}

const toTheWatermark: Sabotage = {
  name: 'followers cut their log at the high watermark',
  source: '13: KIP-101',
  seedCountMax: 4,
  plan: { faults: ['pause', 'kill', 'broker-cut'] },
  begin: () => {
    const cut = new WeakSet<Follower>()
    return all(
      noteStores(),
      blindLeader(),
      patchMethod(
        Follower.prototype,
        'take',
        (take) =>
          async function (this: Follower, ...args) {
            const { log, highWatermark } = this.replica
            if (cut.has(this) || highWatermark >= log.endOffset) return take.apply(this, args)
            cut.add(this)
            for (const store of [stores.get(log)]) await store?.truncate(log, highWatermark)
            return 'retry-later'
          },
      ),
    )
  },
}

const neverCut: Sabotage = {
  name: 'followers do not cut what their leader never had',
  source: '10: Redpanda #3003; KIP-279',
  seedCountMax: 12,
  plan: { faults: ['stranded-leader'], durationMs: 6000, calmMs: 500, plainProducers: 2 },
  begin: blindLeader,
}

/** The leader looks twice: the answer to a fetch that parts from its log does not get as far as what is counted. */
function lookOnlyForAnswers(): () => void {
  let isNoting = false
  return all(
    patchMethod(
      FollowerReader.prototype,
      'note',
      (note) =>
        function (this: FollowerReader) {
          isNoting = true
          note.call(this)
          isNoting = false
        },
    ),
    patchMethod(
      FollowerReader.prototype,
      'judge',
      (judge) =>
        function (this: FollowerReader, ...args) {
          return isNoting ? undefined : judge.apply(this, args)
        },
    ),
  )
}

const divergentFetch: Sabotage = {
  name: 'fetches of a follower whose log is another one count',
  source: 'Polylog, seed 137',
  seedCountMax: 12,
  plan: { faults: ['stranded-leader'], durationMs: 6000, calmMs: 500, plainProducers: 2 },
  begin: () =>
    all(
      lookOnlyForAnswers(),
      patchMethod(
        Replica.prototype,
        'noteFetch',
        (note) =>
          function (this: Replica, fetch) {
            const lastFetchedEpoch = this.log.epochs.entryBefore(fetch.fetchOffset)?.[0] ?? -1
            const fetchOffset = Math.min(fetch.fetchOffset, this.log.endOffset)
            return note.call(this, { ...fetch, fetchOffset, lastFetchedEpoch })
          },
      ),
    ),
}

const oldEpoch: Sabotage = {
  name: 'fetches under an old broker epoch count',
  source: 'KIP-903',
  seedCountMax: 6,
  plan: { durability: 'os', minInsyncReplicas: 2, faults: ['lone-power-loss', 'slow-peers'], durationMs: 8000 },
  begin: () => {
    const takeForNew = (term: LeaderTerm, brokers: LiveBrokers): void => {
      for (const [id, { epoch }] of brokers) {
        const progress = term.progressOf(id)
        if (progress !== undefined && progress.brokerEpoch !== -1) progress.brokerEpoch = epoch
      }
    }
    return all(
      patchMethod(
        LeaderTerm.prototype,
        'highWatermark',
        (make) =>
          function (this: LeaderTerm, present, end, nowMs, rules, brokers) {
            takeForNew(this, brokers)
            return make.call(this, present, end, nowMs, rules, brokers)
          },
      ),
      patchMethod(
        LeaderTerm.prototype,
        'proposal',
        (make) =>
          function (this: LeaderTerm, present, end, nowMs, rules, brokers) {
            takeForNew(this, brokers)
            return make.call(this, present, end, nowMs, rules, brokers)
          },
      ),
    )
  },
}

const uncleanMember: Sabotage = {
  name: 'a member of the ISR that has lost its tail may lead',
  source: '14: KIP-966',
  seedCountMax: 20,
  plan: { durability: 'os', minInsyncReplicas: 2, faults: ['lone-power-loss', 'pause'] },
  begin: () => patchGetter(LogStore.prototype, 'wasClean', () => () => true),
}

const earlyShrink: Sabotage = {
  name: 'an ISR shrinks before the store has said so',
  source: 'KIP-497, AsyncIsr',
  plan: { minInsyncReplicas: 1, faults: ['broker-cut', 'slow-metadata'], durationMs: 15_000, calmMs: 3000 },
  begin: () => {
    const proposals = new WeakMap<LeaderTerm, PartitionState>()
    return all(
      patchMethod(
        LeaderTerm.prototype,
        'propose',
        (propose) =>
          function (this: LeaderTerm, state) {
            proposals.set(this, state)
            propose.call(this, state)
          },
      ),
      patchMethod(
        LeaderTerm.prototype,
        'isMaximalMember',
        () =>
          function (this: LeaderTerm, id) {
            const state = this.isProposing ? proposals.get(this)! : this.state
            return state.inSyncReplicas.includes(id)
          },
      ),
    )
  },
}

const lateExpansion: Sabotage = {
  name: 'who is joining the ISR does not count for the high watermark',
  source: 'KAFKA-14190, AsyncIsr',
  plan: {
    minInsyncReplicas: 1,
    faults: ['kill', 'slow-disk', 'slow-metadata'],
    idempotentProducers: 1,
    plainProducers: 0,
    durationMs: 10_000,
    calmMs: 600,
  },
  begin: () =>
    patchMethod(
      LeaderTerm.prototype,
      'highWatermark',
      () =>
        function (this: LeaderTerm, present, ownEnd, _nowMs, rules) {
          const others = this.state.inSyncReplicas.filter((id) => id !== rules.brokerId)
          const ends = others.map((id) => this.progressOf(id)?.endOffset ?? -1)
          return Math.max(present, Math.min(ownEnd, ...ends))
        },
    ),
}

const byName: Sabotage = {
  name: 'a topic that was deleted and made again is known by its name',
  source: '18: RabbitMQ #12366',
  plan: {
    faults: ['kill'],
    durationMs: 12_000,
    calmMs: 700,
    adminPauseMs: 100,
    topics: 2,
    admin: {
      create: true,
      delete: true,
      recreate: true,
      grow: false,
      deleteRecords: false,
      alter: false,
      compact: false,
    },
  },
  begin: () => {
    const nameOnly = (name: string): string => name.replace(/\.[\w-]{22}$/, '')
    return all(
      patchMethod(
        LogStore.prototype,
        'get',
        (get) =>
          function (this: LogStore, name) {
            return get.call(this, nameOnly(name))
          },
      ),
      patchMethod(
        LogStore.prototype,
        'create',
        (create) =>
          function (this: LogStore, name, settings) {
            return create.call(this, nameOnly(name), settings)
          },
      ),
    )
  },
}

const hastyStop: Sabotage = {
  name: 'a graceful stop does not wait for others to lead',
  source: '25: LavinMQ #827',
  seedCountMax: 4,
  plan: { minInsyncReplicas: 1, faults: ['rolling'] },
  begin: () => patchMethod(Registration.prototype, 'handOver', () => () => Promise.resolve()),
}

const twoControllers: Sabotage = {
  name: 'all brokers control, and write without a comparison',
  source: '28: etcd3 #176',
  seedCountMax: 20,
  plan: { faults: ['kill', 'stop', 'pause'] },
  begin: () =>
    all(
      patchGetter(
        ControllerElection.prototype,
        'epoch',
        (epoch) =>
          function (this: ControllerElection) {
            return epoch.call(this) ?? 1
          },
      ),
      patchMethod(
        PartitionWrite.prototype,
        'transaction',
        (make) =>
          function (this: PartitionWrite) {
            return { ...make.call(this), compare: [] }
          },
      ),
    ),
}

const missedEvents: Sabotage = {
  name: 'what was compacted before it was seen is never read',
  source: '29: etcd #14370, #17529',
  plan: { faults: ['metadata-compaction', 'metadata-cut', 'policy'], durationMs: 20_000, calmMs: 1500 },
  begin: () =>
    patchMethod(
      RemoteMetadataStore.prototype,
      'watch',
      (watch) =>
        function (this: RemoteMetadataStore, prefix, from, listener) {
          const goOn: typeof listener = (outcome) => {
            if (outcome.kind === 'compacted') this.watch(prefix, outcome.compactRevision + 1, listener)
            else listener(outcome)
          }
          return watch.call(this, prefix, from, goOn)
        },
    ),
}

const earlyCoordinator: Sabotage = {
  name: 'committed offsets are served before all of them are loaded',
  source: '30: SeaweedFS MQ',
  seedCountMax: 135,
  plan: { faults: ['stop', 'pause', 'kill'], groupMembers: 3 },
  begin: () => patchGetter(Replica.prototype, 'isSettled', () => () => true),
}

const keptDamage: Sabotage = {
  name: 'a replica stays as it is though a read has found it damaged',
  source: 'requirement: a damaged log is repaired from a peer',
  seedCountMax: 40,
  plan: { faults: ['bit-rot', 'stop', 'kill', 'broker-cut'], calmMs: 300, recordBytesMax: 4000 },
  begin: () =>
    patchMethod(
      Log.prototype,
      'fail',
      (fail) =>
        function (this: Log, reason) {
          if (!reason.includes('is damaged at byte')) fail.call(this, reason)
        },
    ),
}

export const sabotages: readonly Sabotage[] = [
  keptDamage,
  beforeSync,
  toTheWatermark,
  neverCut,
  divergentFetch,
  oldEpoch,
  uncleanMember,
  earlyShrink,
  lateExpansion,
  byName,
  hastyStop,
  twoControllers,
  missedEvents,
  earlyCoordinator,
  ...queueSabotages,
]
