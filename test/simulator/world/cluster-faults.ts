import { MetadataError } from '../../../packages/broker/src/cluster/metadata-error.ts'
import { isIntact } from '../../../packages/broker/src/image/partition-change.ts'
import { metadataMachine } from './broker-machine.ts'
import type { Fault } from './fault.ts'
import type { clusterFaultNames } from './plan.ts'

/** Longer than a broker's lease, often by far. */
const pauseMs = { min: 500, max: 12_000 }

/** Time to take records that nobody else has; at the longer end others have left the ISR. */
const strandedMs = { min: 50, max: 5000 }

const compactionMs = 200

/** A pause must end while the process that was paused still lives. */
const pause: Fault = ({ world, random }, broker) => {
  if (!broker.isUp) return undefined
  const others = world.network.machineNames.filter((name) => name !== broker.name)
  const process = broker.processNumber
  broker.pause()
  world.network.partition([broker.name], others)
  let isOver = false
  const end = (): void => {
    if (isOver) return
    isOver = true
    for (const other of others) {
      world.network.heal(broker.name, other)
      world.network.heal(other, broker.name)
    }
    broker.resume(process)
  }
  world.scheduler.schedule(random.between(pauseMs.min, pauseMs.max), 'end of pause', end)
  return end
}

/** One way between two brokers, which both go on talking to everybody else. */
const brokerCut: Fault = ({ world, random, brokers }, broker) => {
  const other = brokers[random.below(brokers.length)]!
  if (other === broker) return undefined
  world.network.cut(broker.name, other.name)
  return () => world.network.heal(broker.name, other.name)
}

/**
 * A broker is cut off from the others but not from its clients, dies with what only it has, and comes back at once, while those
 * who lead in its place are still beginning.
 */
const strandedLeader: Fault = ({ world, random, brokers }, broker) => {
  if (!broker.isUp) return undefined
  const others = brokers.filter((other) => other !== broker).map(({ name }) => name)
  const process = broker.processNumber
  world.network.partition([broker.name], others)
  let isOver = false
  const end = (): void => {
    if (isOver) return
    isOver = true
    for (const other of others) {
      world.network.heal(broker.name, other)
      world.network.heal(other, broker.name)
    }
    if (broker.processNumber === process) broker.kill()
  }
  world.scheduler.schedule(random.between(strandedMs.min, strandedMs.max), 'end of a stranded leader', end)
  return end
}

/** Some brokers do not see the others; which side sees the metadata store and which clients is left to chance. */
const split: Fault = ({ world, random, brokers, clientNames }) => {
  const sides: [string[], string[]] = [[], []]
  const names = [...brokers.map(({ name }) => name), ...clientNames(), metadataMachine]
  for (const name of names) sides[random.below(2)]!.push(name)
  world.network.partition(...sides)
  return () => {
    for (const one of sides[0]) {
      for (const other of sides[1]) {
        world.network.heal(one, other)
        world.network.heal(other, one)
      }
    }
  }
}

const metadataCut: Fault = ({ world, random }, broker) => {
  const isBoth = random.chance(0.5)
  const [source, target] = random.chance(0.5) ? [broker.name, metadataMachine] : [metadataMachine, broker.name]
  world.network.cut(source, target)
  if (isBoth) world.network.cut(target, source)
  return () => {
    world.network.heal(source, target)
    world.network.heal(target, source)
  }
}

const metadataDeath: Fault = ({ random, metadata }) => {
  return metadata?.die(random.chance(0.5) ? 'kill' : 'power', random.between(10, 6000)) ? nothing : undefined
}

/** All brokers lose power at once. */
const blackout: Fault = ({ brokers }) => {
  for (const broker of brokers) broker.losePower()
  return () => {
    for (const broker of brokers) broker.powerOn()
  }
}

const clockDrift: Fault = ({ random }, { node }) => {
  node.time.drift(random.between(0.8, 1.25))
  return () => node.time.drift(1)
}

/** Connections break between a broker and another, or the metadata store; what was under way is asked again. */
const droppedPeers: Fault = ({ world, random, brokers }, broker) => {
  const others = [...brokers.map(({ name }) => name), metadataMachine].filter((name) => name !== broker.name)
  world.network.breakConnections(broker.name, others[random.below(others.length)]!)
  return nothing
}

/** What two brokers say to each other takes up to seconds. */
const slowPeers: Fault = ({ world, random, brokers }, broker) => {
  const other = brokers[random.below(brokers.length)]!
  if (other === broker) return undefined
  const links = [world.network.link(broker.name, other.name), world.network.link(other.name, broker.name)]
  const max = random.between(20, 3000)
  for (const link of links) link.options.latencyMs = { min: 0.1, max }
  return () => {
    for (const link of links) link.options.latencyMs = { min: 0.1, max: 1 }
  }
}

/** The way to the metadata store is so slow that answers, and at times leases, come too late. */
const slowMetadata: Fault = ({ world, random }, broker) => {
  const links = [world.network.link(broker.name, metadataMachine), world.network.link(metadataMachine, broker.name)]
  const max = random.between(100, 4000)
  for (const link of links) link.options.latencyMs = { min: 0.1, max }
  return () => {
    for (const link of links) link.options.latencyMs = { min: 0.1, max: 1 }
  }
}

/** The metadata store keeps no history for a while; who lags behind must read all anew. */
const metadataCompaction: Fault = ({ world, metadata }) => {
  if (metadata?.store === undefined) return undefined
  let isOver = false
  const compact = (): void => {
    const { store, image } = metadata
    if (isOver) return
    store?.compact(image!.revision).catch((error: unknown) => {
      if (!(error instanceof MetadataError)) throw error
    })
    world.scheduler.schedule(compactionMs, 'metadata compaction', compact)
  }
  compact()
  return () => (isOver = true)
}

/** One broker is not there yet for a while. */
const lateBroker: Fault = ({ brokers }) => {
  brokers.at(-1)!.release()
  return nothing
}

/**
 * One broker loses power where acknowledged is what stands in memory: the others still have it, if there are others, all in
 * sync, and none of them has lost anything since. Until that is so again, no second one may.
 */
const lonePowerLoss: Fault = ({ brokers, metadata }, broker) => {
  const image = metadata?.image
  if (image === undefined || !brokers.every(({ isUp }) => isUp)) return undefined
  for (const { partitions } of image.topicsById.values()) {
    for (const state of partitions) {
      const { replicas, inSyncReplicas } = state
      if (replicas.length < 2 || inSyncReplicas.length < replicas.length) return undefined
      if (!inSyncReplicas.every((id) => isIntact(state, image.brokers, id))) return undefined
    }
  }
  broker.losePower()
  return () => broker.powerOn()
}

/** Over as soon as it has begun. */
const nothing = (): void => undefined

export const clusterFaults: Record<(typeof clusterFaultNames)[number], Fault> = {
  pause,
  'broker-cut': brokerCut,
  'stranded-leader': strandedLeader,
  split,
  'metadata-cut': metadataCut,
  'metadata-death': metadataDeath,
  blackout,
  'clock-drift': clockDrift,
  'dropped-peers': droppedPeers,
  'slow-metadata': slowMetadata,
  'metadata-compaction': metadataCompaction,
  'late-broker': lateBroker,
  'lone-power-loss': lonePowerLoss,
  'slow-peers': slowPeers,
}
