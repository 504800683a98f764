import type { AdminPowers } from '../clients/admin.ts'
import { SimulatedRandom } from '../../../packages/broker/src/host/simulated/simulated-random.ts'

export const faultNames = [
  'kill',
  'power-loss',
  'stop',
  'slow-disk',
  'stalled-disk',
  'full-disk',
  'failed-sync',
  'bit-rot',
  'slow-network',
  'dropped-connections',
  'cut',
  'clock-jump',
  'client-death',
] as const

/** What can only happen to several brokers and the store that they share. */
export const clusterFaultNames = [
  'pause',
  'broker-cut',
  'stranded-leader',
  'split',
  'metadata-cut',
  'metadata-death',
  'blackout',
  'clock-drift',
  'dropped-peers',
  'slow-metadata',
  'metadata-compaction',
  'late-broker',
  'lone-power-loss',
  'slow-peers',
] as const

/** What operators do to a cluster while it works. */
export const operatorFaultNames = ['reassignment', 'policy', 'drain', 'rolling'] as const

export type FaultName =
  | (typeof faultNames)[number]
  | (typeof clusterFaultNames)[number]
  | (typeof operatorFaultNames)[number]

/** What one seed does: swarm testing turns features on and off, so that rare combinations come up. */
export interface Plan {
  seed: number
  durationMs: number
  /** One of the few that take their time, so that leases end, files grow cold and groups settle between two faults. */
  isLong: boolean
  brokerCount: number
  /** Least in-sync replicas of topics; 1 where there is one broker. */
  minInsyncReplicas: number
  durability: 'fsync' | 'os'
  faults: FaultName[]
  /** Mean time between two faults. */
  calmMs: number
  idempotentProducers: number
  plainProducers: number
  readers: number
  groupMembers: number
  topics: number
  compression: 'none' | 'gzip'
  recordBytesMax: number
  largeShare: number
  windowMax: number
  admin: AdminPowers
  /** Mean pause of the administrator between two requests. */
  adminPauseMs: number
  /** Groups that read the lasting topics as queues; none where the seed has no queues. */
  queueGroups: QueueGroupPlan[]
}

export interface QueueGroupPlan {
  members: number
  lockDurationMs: number
  deliveryCountMax: number
  lockCountMax: number
  retryBackoffMs: number
  hasDeadLetters: boolean
  /** -1: messages do not expire. */
  messageTtlMs: number
  /** Of the messages that the group wants; '' for all. */
  tag: string
}

/**
 * Everything about a run but its course follows from the seed here.
 * @param brokerCount undefined: the seed decides too; three out of four are clusters
 */
export function planOf(seed: number, hours?: number, brokerCount?: number): Plan {
  const drawn = new SimulatedRandom(seed).stream('brokers')
  const count = brokerCount ?? (drawn.chance(0.25) ? 1 : drawn.chance(0.75) ? 3 : 5)
  const plan = count === 1 ? aloneOf(seed, hours) : clusterOf(seed, count, hours)
  return { ...plan, queueGroups: drawQueueGroups(new SimulatedRandom(seed).stream('queues')) }
}

/** Drawn from a stream of their own, so that a seed means for everything else what it meant before there were queues. */
function drawQueueGroups(random: SimulatedRandom): QueueGroupPlan[] {
  if (!random.chance(queueShare)) return []
  return Array.from({ length: random.chance(0.3) ? 2 : 1 }, () => drawQueueGroup(random))
}

function drawQueueGroup(random: SimulatedRandom): QueueGroupPlan {
  return {
    members: 1 + random.below(3),
    lockDurationMs: Math.round(random.between(1000, 1500)),
    deliveryCountMax: 1 + random.below(5),
    lockCountMax: random.chance(0.3) ? 5 : 200,
    retryBackoffMs: random.chance(0.5) ? 0 : Math.round(random.between(50, 400)),
    hasDeadLetters: random.chance(0.6),
    messageTtlMs: random.chance(0.2) ? Math.round(random.between(500, 4000)) : -1,
    tag: random.chance(0.25) ? `t${random.below(3)}` : '',
  }
}

/** Share of runs that take their time; the others come to the same faults sooner. */
const longShare = 0.2

/** Share of runs with work queues. */
const queueShare = 0.2

interface Pace {
  isLong: boolean
  durationMs: number
  calmMs: number
}

/** How long a run lasts and how close its faults are. */
function paceOf(seed: number, brokerCount: number, hours?: number): Pace {
  const random = new SimulatedRandom(seed).stream('pace')
  const isLong = hours !== undefined || random.chance(longShare)
  const [least, most] = !isLong ? [1500, 4500] : brokerCount === 1 ? [8000, 20_000] : [5000, 11_000]
  const [calmLeast, calmMost] = !isLong ? [120, 600] : brokerCount === 1 ? [300, 1800] : [200, 1300]
  const usualMs = Math.round(random.between(least!, most!))
  const calmMs = Math.round(random.between(calmLeast!, calmMost!))
  return { isLong, durationMs: hours === undefined ? usualMs : hours * 3_600_000, calmMs }
}

/** A cluster takes the plan of a broker alone and adds what can only happen to several. */
function clusterOf(seed: number, brokerCount: number, hours?: number): Plan {
  const random = new SimulatedRandom(seed).stream('cluster')
  const alone = aloneOf(seed, hours)
  const isOutside = (name: FaultName): boolean =>
    alone.durability === 'os' ? name === 'blackout' : name === 'lone-power-loss'
  const drawn = [...clusterFaultNames, ...operatorFaultNames].filter((name) => random.chance(0.3) && !isOutside(name))
  // With durability "os" the end of a process counts as a loss: two brokers that have lost something are one too many.
  const isLossy = drawn.includes('lone-power-loss')
  const isDeath = (name: FaultName): boolean => name === 'kill' || name === 'stranded-leader'
  const faults = [...alone.faults, ...drawn].filter((name) => !(isLossy && isDeath(name)))
  return {
    ...alone,
    brokerCount,
    minInsyncReplicas: isLossy || random.chance(0.5) ? 2 : 1,
    // Now and then nothing happens that could excuse a stop that is noticed.
    faults: random.chance(0.05) ? ['rolling'] : faults,
    ...paceOf(seed, brokerCount, hours),
  }
}

function aloneOf(seed: number, hours?: number): Plan {
  const random = new SimulatedRandom(seed).stream('plan')
  const durability = random.chance(0.85) ? 'fsync' : 'os'
  // With durability "os" a loss of power may take what was acknowledged: there the promise is kill -9 only. And as nothing
  // proves what was synced, bytes that have rotted before a checkpoint covers them look like ones that never arrived.
  const outsideOs: readonly FaultName[] = ['power-loss', 'failed-sync', 'bit-rot']
  const isOutside = (name: FaultName): boolean => durability === 'os' && outsideOs.includes(name)
  const faults = faultNames.filter((name) => random.chance(name === 'bit-rot' ? 0.2 : 0.4) && !isOutside(name))
  if (faults.length === 0) faults.push('kill')
  return {
    seed,
    brokerCount: 1,
    minInsyncReplicas: 1,
    durability,
    faults,
    ...paceOf(seed, 1, hours),
    idempotentProducers: 1 + random.below(3),
    plainProducers: random.below(3),
    readers: 1 + random.below(2),
    groupMembers: random.below(4),
    topics: 1 + random.below(3),
    compression: random.chance(0.1) ? 'gzip' : 'none',
    recordBytesMax: random.chance(0.3) ? 8000 : 300,
    largeShare: random.chance(0.2) ? 0.01 : 0,
    windowMax: 1 + random.below(5),
    admin: {
      create: random.chance(0.5),
      delete: random.chance(0.5),
      grow: random.chance(0.4),
      deleteRecords: random.chance(0.5),
      alter: random.chance(0.4),
      compact: random.chance(0.3),
      recreate: random.chance(0.5),
    },
    adminPauseMs: 800,
    queueGroups: [],
  }
}

/** One line for people. */
export function describePlan(plan: Plan): string {
  const { seed, durationMs, durability, faults, admin } = plan
  const { idempotentProducers, plainProducers, readers, groupMembers } = plan
  const clients = `${idempotentProducers}i+${plainProducers}p producers, ${readers} readers, ${groupMembers} members`
  const may = Object.entries(admin).flatMap(([name, on]) => (on ? [name] : []))
  const records = `records to ${plan.recordBytesMax} B ${plan.compression}${plan.largeShare > 0 ? ' + large' : ''}`
  const brokers = plan.brokerCount === 1 ? '1 broker' : `${plan.brokerCount} brokers, min ISR ${plan.minInsyncReplicas}`
  const queues = plan.queueGroups.map(describeQueueGroup)
  const what = [
    brokers,
    durability,
    clients,
    ...queues,
    records,
    `window ${plan.windowMax}`,
    `admin ${may.join(' ') || 'idle'}`,
  ]
  return `seed ${seed}: ${(durationMs / 1000).toFixed(0)} s, ${what.join(', ')}; faults ${faults.join(' ')}`
}

function describeQueueGroup(group: QueueGroupPlan): string {
  const { members, lockDurationMs, deliveryCountMax, retryBackoffMs, hasDeadLetters, messageTtlMs, tag } = group
  const rules = [`lock ${lockDurationMs} ms`, `${deliveryCountMax} deliveries`]
  if (retryBackoffMs > 0) rules.push(`back-off ${retryBackoffMs} ms`)
  if (messageTtlMs >= 0) rules.push(`TTL ${messageTtlMs} ms`)
  if (hasDeadLetters) rules.push('dead letters')
  if (tag !== '') rules.push(`tag ${tag}`)
  return `queue of ${members} (${rules.join(' ')})`
}
