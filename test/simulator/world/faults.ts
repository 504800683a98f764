import { clusterFaults } from './cluster-faults.ts'
import { operatorFaults } from './operator-faults.ts'
import type { Fault, FaultTargets } from './fault.ts'
import type { FaultName } from './plan.ts'
import { rotColdSegment } from './rot.ts'

/** Path parts of the files whose sync may be made to fail; the empty one takes the next, whichever it is. */
const syncedParts = ['/journal', '/logs', '/metadata', '']

const nothing = (): void => {}
const usualSyncMs = { min: 0.2, max: 4 }

const faults: Record<FaultName, Fault> = {
  ...clusterFaults,
  ...operatorFaults,
  kill: ({ random }, broker) => {
    if (!broker.isUp && random.chance(0.5)) return undefined
    broker.kill()
    if (random.chance(0.5)) return nothing
    broker.hold()
    return () => broker.release()
  },
  'power-loss': (_, broker) => {
    broker.losePower()
    return () => broker.powerOn()
  },
  stop: (_, broker) => (broker.stop() ? nothing : undefined),
  'slow-disk': ({ random }, { node }) => {
    const max = random.between(20, 400)
    node.disk.times.syncMs = { min: max / 10, max }
    return () => (node.disk.times.syncMs = { ...usualSyncMs })
  },
  'stalled-disk': (_, { node }) => {
    node.disk.stall()
    return () => node.disk.release()
  },
  'full-disk': ({ random }, broker) => {
    if (!broker.isUp) return undefined
    const { freeBytes, totalBytes } = broker.node.host.disk.space('.')
    broker.node.disk.setCapacity(totalBytes - freeBytes + random.below(50_000))
    return () => broker.node.disk.setCapacity(totalBytes)
  },
  'failed-sync': ({ random }, { node }) => {
    const part = syncedParts[random.below(syncedParts.length)]!
    let armed = true
    node.disk.failNextSync((path) => armed && path.includes(part))
    return () => (armed = false)
  },
  'bit-rot': (targets, broker) => (rotColdSegment(targets, broker) ? nothing : undefined),
  'slow-network': ({ world, random }, broker, client) => {
    const links = [world.network.link(client, broker.name), world.network.link(broker.name, client)]
    const max = random.between(5, 500)
    for (const link of links) link.options.latencyMs = { min: 0.1, max }
    return () => {
      for (const link of links) link.options.latencyMs = { min: 0.1, max: 1 }
    }
  },
  'dropped-connections': ({ world }, broker, client) => {
    world.network.breakConnections(client, broker.name)
    return nothing
  },
  cut: ({ world, random }, broker, client) => {
    const [source, target] = random.chance(0.5) ? [client, broker.name] : [broker.name, client]
    world.network.cut(source, target)
    return () => world.network.heal(source, target)
  },
  'clock-jump': ({ random }, { node }) => {
    node.time.jump(Math.round(random.between(-3_600_000, 3_600_000)))
    return nothing
  },
  'client-death': ({ killClient }, _, client) => {
    killClient(client)
    return nothing
  },
}

/** Lets faults happen at random moments, each for a random time, until it is told to end. */
export class FaultSource {
  readonly hits = new Map<FaultName, number>()
  readonly #targets: FaultTargets
  readonly #names: readonly FaultName[]
  readonly #calmMs: number
  readonly #active = new Map<FaultName, () => void>()
  #endedAtMs = Infinity
  /** When the last full disk got its space back. */
  #fullUntilMs = -Infinity

  constructor(targets: FaultTargets, names: readonly FaultName[], calmMs: number) {
    this.#targets = targets
    this.#names = names
    this.#calmMs = calmMs
  }

  /** Whether a broker had a reason at any time since then to refuse a start or to fail a stop: it tells a while later. */
  wasDiskFaulty(sinceMs: number): boolean {
    if (this.#names.includes('failed-sync') && this.#endedAtMs >= sinceMs) return true
    return this.#active.has('full-disk') || this.#fullUntilMs >= sinceMs
  }

  start(): void {
    const { world, random } = this.#targets
    world.scheduler.schedule(random.between(0, 2 * this.#calmMs), 'next fault', () => {
      if (this.#endedAtMs < Infinity) return
      // Sometimes there is peace for a longer while, so that work gets done and files grow cold.
      if (random.chance(0.8)) this.#hit(this.#names[random.below(this.#names.length)]!)
      this.start()
    })
  }

  /** Ends all faults that last, each in an event of its own: what one sets off must not go on in a process that the next one kills. */
  end(): void {
    const { scheduler, network } = this.#targets.world
    this.#endedAtMs = scheduler.nowMs
    for (const name of this.#active.keys()) scheduler.schedule(0, `end of ${name}`, () => this.#stop(name))
    scheduler.schedule(0, 'the network is whole', () => network.healAll())
  }

  #hit(name: FaultName): void {
    if (this.#active.has(name)) return
    const { world, random, brokers, clientNames } = this.#targets
    const clients = clientNames()
    const broker = brokers[random.below(brokers.length)]!
    const stop = faults[name](this.#targets, broker, clients[random.below(clients.length)]!)
    if (stop === undefined) return
    this.hits.set(name, (this.hits.get(name) ?? 0) + 1)
    world.scheduler.note(`fault ${name}`)
    this.#active.set(name, stop)
    world.scheduler.schedule(random.between(1, 2 * this.#calmMs), `end of ${name}`, () => this.#stop(name))
  }

  #stop(name: FaultName): void {
    this.#active.get(name)?.()
    if (this.#active.delete(name) && name === 'full-disk') this.#fullUntilMs = this.#targets.world.scheduler.nowMs
  }
}
