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

export type FaultName = (typeof faultNames)[number]

/** What one seed does: swarm testing turns features on and off, so that rare combinations come up. */
export interface Plan {
  seed: number
  durationMs: number
  brokerCount: number
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
  admin: { create: boolean; delete: boolean; grow: boolean; deleteRecords: boolean; alter: boolean; compact: boolean }
}

/** Everything about a run but its course follows from the seed here. */
export function planOf(seed: number, hours?: number): Plan {
  const random = new SimulatedRandom(seed).stream('plan')
  const durability = random.chance(0.85) ? 'fsync' : 'os'
  // With durability "os" a loss of power may take what was acknowledged: there the promise is kill -9 only.
  const isOutside = (name: FaultName): boolean =>
    durability === 'os' && (name === 'power-loss' || name === 'failed-sync')
  const faults = faultNames.filter((name) => random.chance(name === 'bit-rot' ? 0.2 : 0.4) && !isOutside(name))
  if (faults.length === 0) faults.push('kill')
  const usualMs = Math.round(random.between(15_000, 40_000))
  return {
    seed,
    durationMs: hours === undefined ? usualMs : hours * 3_600_000,
    brokerCount: 1,
    durability,
    faults,
    calmMs: Math.round(random.between(300, 3000)),
    idempotentProducers: 1 + random.below(3),
    plainProducers: random.below(3),
    readers: 1 + random.below(2),
    groupMembers: random.below(4),
    topics: 1 + random.below(3),
    compression: random.chance(0.2) ? 'gzip' : 'none',
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
    },
  }
}

/** One line for people. */
export function describePlan(plan: Plan): string {
  const { seed, durationMs, durability, faults, admin } = plan
  const { idempotentProducers, plainProducers, readers, groupMembers } = plan
  const clients = `${idempotentProducers}i+${plainProducers}p producers, ${readers} readers, ${groupMembers} members`
  const may = Object.entries(admin).flatMap(([name, on]) => (on ? [name] : []))
  const records = `records to ${plan.recordBytesMax} B ${plan.compression}${plan.largeShare > 0 ? ' + large' : ''}`
  const what = [durability, clients, records, `window ${plan.windowMax}`, `admin ${may.join(' ') || 'idle'}`]
  return `seed ${seed}: ${(durationMs / 1000).toFixed(0)} s, ${what.join(', ')}; faults ${faults.join(' ')}`
}
