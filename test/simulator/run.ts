import type { Host } from '../../packages/broker/src/host/host.ts'
import { SimulatedWorld } from '../../packages/broker/src/host/simulated/simulated-world.ts'
import { drainKey, policyKey } from '../../packages/broker/src/image/keys.ts'
import type { Logger } from '../../packages/broker/src/telemetry/logger.ts'
import { silentLogger } from '../../packages/broker/src/telemetry/logger.ts'
import { check } from './checkers/check.ts'
import type { Finding, History } from './checkers/history.ts'
import { checkMetadata } from './checkers/metadata/check-metadata.ts'
import { Recorder } from './clients/recorder.ts'
import { ClusterProbe } from './probes/cluster-probe.ts'
import { compareReplicas, unconverged } from './probes/convergence.ts'
import type { Cluster } from './probes/convergence.ts'
import { BrokerMachine, metadataMachine } from './world/broker-machine.ts'
import { FaultSource } from './world/faults.ts'
import { MetadataMachine } from './world/metadata-machine.ts'
import type { FaultName, Plan } from './world/plan.ts'
import { Population } from './world/population.ts'

export interface RunOptions {
  logger?: Logger
  /** Test of the tests: the broker gets this instead of its host. */
  disguise?: (host: Host) => Host
}

export interface RunResult {
  plan: Plan
  findings: Finding[]
  history: History
  /** Why the run proves nothing; undefined if it does. */
  invalid: string | undefined
  hits: ReadonlyMap<FaultName, number>
  acknowledgedCount: number
  /** Keys of the metadata store of which the search for an order was given up. */
  undecidedKeys: string[]
  virtualMs: number
  eventCount: number
  eventHash: string
}

/** Time to finish after the faults are over; everything has its time-outs far below. */
const settleMsMax = 90_000
const supervisorMs = 250
const lookMs = 50
const restoreMs = 500
const mendCountMax = 10
/** How often a cluster may go on changing after it had converged. */
const convergenceCountMax = 20
/** Where nothing else happens, a stop is quick enough to hand everything over. */
const harmlessToStops: ReadonlySet<FaultName> = new Set(['rolling', 'client-death', 'clock-jump'])
/** Fewer successful operations than this show nothing. */
const acknowledgedCountMin = 100

/** One world from its seed to its judgement. */
export class Run {
  readonly #plan: Plan
  readonly #world: SimulatedWorld
  readonly #recorder = new Recorder()
  readonly #crashes: Finding[] = []
  readonly #brokers: BrokerMachine[]
  readonly #population: Population
  readonly #faults: FaultSource
  readonly #metadata: MetadataMachine | undefined
  readonly #probe: ClusterProbe | undefined
  readonly #probed: Finding[] = []
  #ending = false

  constructor(plan: Plan, options: RunOptions = {}) {
    this.#plan = plan
    const world = new SimulatedWorld(plan.seed)
    this.#world = world
    const { logger = silentLogger, disguise = (host: Host) => host } = options
    const isCluster = plan.brokerCount > 1
    const failed = (what: string, error: unknown): void => this.#crash(what, error)
    const metadata = isCluster ? new MetadataMachine(world.node(metadataMachine), world.scheduler, failed) : undefined
    this.#brokers = Array.from({ length: plan.brokerCount }, (_, index) => {
      const node = world.node(`broker-${index + 1}`)
      const mayRefuse = (sinceMs: number): boolean => this.#faults.wasDiskFaulty(sinceMs)
      const recorder = this.#recorder
      const facts = { node, scheduler: world.scheduler, recorder, brokerId: index + 1, durability: plan.durability }
      return new BrokerMachine({ ...facts, sharesMetadata: isCluster, logger, failed, mayRefuse, disguise })
    })
    this.#population = new Population({
      plan,
      world,
      recorder: this.#recorder,
      brokers: this.#brokers,
      isEnding: () => this.#ending,
      crashed: (name, error) => this.#crash(name, error),
    })
    const targets = {
      world,
      random: world.scheduler.random.stream('faults'),
      recorder: this.#recorder,
      brokers: this.#brokers,
      metadata,
      clientNames: () => this.#population.names,
      killClient: (name: string) => this.#population.kill(name),
    }
    this.#faults = new FaultSource(targets, plan.faults, plan.calmMs)
    this.#metadata = metadata
    if (metadata === undefined) return
    const found = (finding: Finding): void => void this.#probed.push(finding)
    this.#probe = new ClusterProbe({
      scheduler: world.scheduler,
      brokers: this.#brokers,
      metadata,
      mendable: this.#recorder.mendable,
      areStopsCalm: plan.faults.every((name) => harmlessToStops.has(name)),
      found,
    })
  }

  async result(): Promise<RunResult> {
    const rejected = (error: unknown): void => this.#crash('unhandled rejection', error)
    process.on('unhandledRejection', rejected)
    try {
      await this.#live()
    } catch (error) {
      this.#crash('the world', error)
    } finally {
      process.off('unhandledRejection', rejected)
    }
    const { scheduler } = this.#world
    const { history, metadata, acknowledgedCount } = this.#recorder
    const { findings: found, undecided: undecidedKeys } = checkMetadata(metadata)
    const findings = [...this.#crashes, ...this.#probed, ...check(history), ...found]
    const facts = { plan: this.#plan, history, acknowledgedCount, findings, undecidedKeys, hits: this.#faults.hits }
    const time = { virtualMs: scheduler.nowMs, eventCount: scheduler.eventCount, eventHash: scheduler.eventHash }
    return { ...facts, ...time, invalid: this.#findInvalidity() }
  }

  async #live(): Promise<void> {
    const { scheduler } = this.#world
    if (this.#plan.faults.includes('late-broker')) this.#brokers.at(-1)!.hold()
    this.#supervise()
    await this.#settle('the first topics', () => this.#population.isPrepared)
    this.#population.start()
    this.#faults.start()
    await scheduler.runFor(this.#plan.durationMs)
    this.#faults.end()
    await scheduler.runFor(0)
    for (const broker of this.#brokers) broker.release()
    this.#restore()
    this.#ending = true
    await this.#settle('clients', () => this.#population.unfinished.length === 0)
    this.#recorder.history.unfinished.push(...this.#population.unfinished)
    this.#population.silence()
    await this.#converge()
    await this.#audit('audit')
    this.#shake()
    await this.#audit('audit after the last crash')
  }

  /** Lets the world go on until a condition holds or the time for it is over. */
  async #settle(what: string, isDone: () => boolean): Promise<void> {
    const { scheduler } = this.#world
    const endMs = scheduler.nowMs + settleMsMax
    // Looking at the whole history after each event would take most of the time.
    while (!isDone() && scheduler.nowMs < endMs && this.#crashes.length === 0) await scheduler.runFor(lookMs)
    if (!isDone() && this.#crashes.length === 0 && this.#population.unfinished.length === 0) {
      this.#recorder.history.unfinished.push(what)
    }
  }

  /** Without faults all brokers come to the same, in the store, in memory and on disk. */
  async #converge(): Promise<void> {
    if (this.#metadata === undefined || this.#crashes.length > 0) return
    const { history, mendable } = this.#recorder
    const isRotten = (topicId: string, index: number): boolean =>
      history.logs.get(`${topicId}/${index}`)?.rotten === true && !mendable.has(`${topicId}/${index}`)
    const cluster = { brokers: this.#brokers, metadata: this.#metadata, isRotten }
    // A policy or a late broker may move replicas just when all seems done: then what was compared proves nothing. And a replica
    // that is found broken when it is read has to begin anew.
    for (let attempt = 0; attempt < convergenceCountMax; attempt += 1) {
      await this.#settle('convergence', () => unconverged(cluster).length === 0)
      const open = unconverged(cluster)
      for (const detail of open) this.#probed.push({ kind: 'unconverged', where: 'the cluster', detail })
      if (open.length > 0) return
      const revision = this.#metadata.image?.revision
      const found = await this.#compare(cluster)
      if (this.#crashes.length > 0) return
      if (found === undefined) continue
      const isMending = mendable.size > 0 && attempt < mendCountMax
      if (isMending) await this.#world.scheduler.runFor(lookMs)
      if (found.length > 0 && (isMending || this.#metadata.image?.revision !== revision)) continue
      this.#probed.push(...found)
      return
    }
    this.#probed.push({ kind: 'unconverged', where: 'the cluster', detail: 'replicas are moved for ever' })
  }

  /** Undefined if a broker died meanwhile, and with it whatever was being read there. */
  async #compare(cluster: Cluster): Promise<Finding[] | undefined> {
    const processes = (): string => this.#brokers.map(({ processNumber }) => processNumber).join()
    const before = processes()
    let found: Finding[] | undefined
    compareReplicas(cluster).then(
      (findings) => (found = findings),
      (error: unknown) => this.#crash('the comparison of replicas', error),
    )
    await this.#settle('the comparison of replicas', () => found !== undefined || processes() !== before)
    return processes() === before ? found : undefined
  }

  /** What the clients were told must hold through one more crash, when nobody writes any more. */
  #shake(): void {
    for (const broker of this.#brokers) {
      if (this.#plan.durability === 'os') broker.kill()
      else {
        broker.losePower()
        broker.powerOn()
      }
    }
  }

  async #audit(name: string): Promise<void> {
    if (this.#crashes.length > 0) return
    let done = false
    this.#population.audit(name, () => (done = true))
    await this.#settle(name, () => done)
  }

  /** Operators take back what could keep a partition from having enough replicas. */
  #restore(): void {
    if (this.#metadata === undefined || this.#plan.minInsyncReplicas === 1) return
    const { image } = this.#metadata
    const store = this.#metadata.storeOf('the operator', this.#recorder)
    const keys = [...(image?.policies.keys() ?? [])].map(policyKey)
    for (const id of image?.drains.keys() ?? []) keys.push(drainKey(id))
    const write = store?.transaction({ compare: [], then: keys.map((key) => ({ kind: 'delete', key })) })
    write?.catch((error: unknown) => this.#crash('the metadata store', error))
    if (keys.length > 0 || store === undefined) {
      this.#world.scheduler.schedule(restoreMs, 'restore', () => this.#restore())
    }
  }

  #supervise(): void {
    for (const broker of this.#brokers) broker.start()
    const delayMs = supervisorMs * (1 + this.#world.scheduler.random.next())
    this.#world.scheduler.schedule(delayMs, 'supervisor', () => this.#supervise())
  }

  #crash(where: string, error: unknown): void {
    const detail = error instanceof Error ? (error.stack ?? error.message) : String(error)
    this.#crashes.push({ kind: 'crash', where, detail })
  }

  #findInvalidity(): string | undefined {
    const { acknowledgedCount } = this.#recorder
    const enough = Math.min(acknowledgedCountMin, this.#plan.durationMs / 100)
    if (acknowledgedCount < enough) return `only ${acknowledgedCount} operations succeeded`
    if (this.#faults.hits.size === 0) return 'no fault has hit anything'
    if (this.#probe?.lookCount === 0) return 'nobody has looked into the brokers'
    return undefined
  }
}
