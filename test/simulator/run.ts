import type { Host } from '../../packages/broker/src/host/host.ts'
import { SimulatedWorld } from '../../packages/broker/src/host/simulated/simulated-world.ts'
import type { Logger } from '../../packages/broker/src/telemetry/logger.ts'
import { silentLogger } from '../../packages/broker/src/telemetry/logger.ts'
import { check } from './checkers/check.ts'
import type { Finding, History } from './checkers/history.ts'
import { Recorder } from './clients/recorder.ts'
import { BrokerMachine } from './world/broker-machine.ts'
import { FaultSource } from './world/faults.ts'
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
  virtualMs: number
  eventCount: number
  eventHash: string
}

/** Time to finish after the faults are over; everything has its time-outs far below. */
const settleMsMax = 90_000
const supervisorMs = 250
const lookMs = 50
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
  #ending = false

  constructor(plan: Plan, options: RunOptions = {}) {
    this.#plan = plan
    const world = new SimulatedWorld(plan.seed)
    this.#world = world
    const { logger = silentLogger, disguise = (host: Host) => host } = options
    this.#brokers = Array.from({ length: plan.brokerCount }, (_, index) => {
      const node = world.node(`broker-${index + 1}`)
      const mayRefuse = (): boolean => this.#faults.isDiskFaulty
      const failed = (what: string, error: unknown): void => this.#crash(what, error)
      const facts = { node, scheduler: world.scheduler, brokerId: index + 1, durability: plan.durability }
      return new BrokerMachine({ ...facts, logger, failed, mayRefuse, disguise })
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
      clientNames: () => this.#population.names,
      killClient: (name: string) => this.#population.kill(name),
    }
    this.#faults = new FaultSource(targets, plan.faults, plan.calmMs)
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
    const { history, acknowledgedCount } = this.#recorder
    const findings = [...this.#crashes, ...check(history)]
    const facts = { plan: this.#plan, history, acknowledgedCount, findings, hits: this.#faults.hits }
    const time = { virtualMs: scheduler.nowMs, eventCount: scheduler.eventCount, eventHash: scheduler.eventHash }
    return { ...facts, ...time, invalid: this.#findInvalidity() }
  }

  async #live(): Promise<void> {
    const { scheduler } = this.#world
    this.#supervise()
    await this.#settle('the first topics', () => this.#population.isPrepared)
    this.#population.start()
    this.#faults.start()
    await scheduler.runFor(this.#plan.durationMs)
    this.#faults.end()
    this.#ending = true
    await this.#settle('clients', () => this.#population.unfinished.length === 0)
    this.#recorder.history.unfinished.push(...this.#population.unfinished)
    this.#population.silence()
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
    if (acknowledgedCount < acknowledgedCountMin) return `only ${acknowledgedCount} operations succeeded`
    if (this.#faults.hits.size === 0) return 'no fault has hit anything'
    return undefined
  }
}
