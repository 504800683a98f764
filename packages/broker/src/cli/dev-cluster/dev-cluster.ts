import { CommandError } from '../exit-code.ts'
import { DevBroker } from './dev-broker.ts'
import { DevChild } from './dev-child.ts'
import type { DevDirectory } from './dev-directory.ts'
import { DevEtcd } from './dev-etcd.ts'

export interface DevClusterParts {
  readonly directory: DevDirectory
  readonly kafkaPorts: readonly number[]
  readonly httpPorts: readonly number[]
  /** An etcd that runs already, as `--metadata` of a broker; undefined: one of our own. */
  readonly metadata: string | undefined
  /** The program for one of our own. */
  readonly etcdBinary: string
  /** Further flags of each `polylog start`. */
  readonly brokerFlags: readonly string[]
  readonly told: (sentence: string) => void
}

/** Time that a broker has to hand over and stop. Longer than what it takes itself (`shutdown.timeout.ms`). */
const brokerStopMs = 15_000
const etcdStopMs = 5000

/** Some brokers, and mostly the etcd that they share, as processes of their own. */
export class DevCluster {
  readonly brokers: readonly DevBroker[]
  readonly #parts: DevClusterParts
  readonly #etcd: DevEtcd | undefined
  readonly #etcdChild: DevChild | undefined
  readonly #children: readonly DevChild[]

  constructor(parts: DevClusterParts) {
    this.#parts = parts
    const { directory, kafkaPorts, httpPorts, brokerFlags, told } = parts
    if (parts.metadata === undefined) {
      const etcd = new DevEtcd(parts.etcdBinary, directory)
      this.#etcd = etcd
      this.#etcdChild = new DevChild({ name: 'etcd', launch: (spawned) => etcd.launch(spawned), told })
    }
    this.brokers = kafkaPorts.map(
      (kafkaPort, i) =>
        new DevBroker({
          id: i + 1,
          directory,
          kafkaPort,
          httpPort: httpPorts[i]!,
          metadata: () => this.metadata,
          flags: ['--set', 'shutdown.timeout.ms=10s', ...brokerFlags],
        }),
    )
    this.#children = this.brokers.map(
      (broker) => new DevChild({ name: `broker ${broker.id}`, launch: (spawned) => broker.launch(spawned), told }),
    )
  }

  /** As `--metadata` of a broker wants it. */
  get metadata(): string {
    return this.#parts.metadata ?? this.#etcd!.address
  }

  /** Addresses for clients, with commas between. */
  get kafka(): string {
    return this.brokers.map(({ kafka }) => kafka).join()
  }

  /** Process ids of the brokers in their order; null for one that does not run. */
  get pids(): readonly (number | null)[] {
    return this.#children.map(({ pid }) => pid ?? null)
  }

  get etcdPid(): number | null {
    return this.#etcdChild?.pid ?? null
  }

  /** HTTP ports of the brokers that serve. */
  get httpUp(): readonly string[] {
    return this.brokers.filter((_, i) => this.#children[i]!.state === 'up').map(({ http }) => http)
  }

  /** One word on each program, for those that are not up: `broker 2 down`. */
  get absences(): readonly string[] {
    const all = [...(this.#etcdChild === undefined ? [] : [this.#etcdChild]), ...this.#children]
    return all.filter(({ state }) => state !== 'up').map(({ name, state }) => `${name} ${state}`)
  }

  /** @throws CommandError if anything does not come up; then all of it is to be stopped */
  async start(): Promise<void> {
    await this.#etcdChild?.start()
    await Promise.all(this.#children.map((child) => child.start()))
  }

  /** The program of this name: the number of a broker, or `etcd`. @throws CommandError */
  child(name: string): DevChild {
    const child = name === 'etcd' ? this.#etcdChild : /^\d$/.test(name) ? this.#children[Number(name) - 1] : undefined
    if (child === undefined) {
      const etcd = this.#etcdChild === undefined ? '' : ', or etcd'
      throw new CommandError(`name a broker by its number, 1 to ${this.#children.length}${etcd}`)
    }
    return child
  }

  /** Stops all brokers, then etcd. Takes 20 s at most. */
  async stop(): Promise<void> {
    await Promise.all(this.#children.map((child) => child.stop(brokerStopMs)))
    await this.#etcdChild?.stop(etcdStopMs)
  }
}
