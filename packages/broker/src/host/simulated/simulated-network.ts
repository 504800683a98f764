import type { Network } from '../network.ts'
import { NetworkLink } from './network-link.ts'
import type { LinkOptions } from './network-link.ts'
import type { Scheduler } from './scheduler.ts'
import { SimulatedMachine } from './simulated-machine.ts'
import { SimulatedNetworkAccess } from './simulated-network-access.ts'

const optionsDefault: LinkOptions = { latencyMs: { min: 0.1, max: 1 }, bytesPerMs: Infinity }
const optionsWithin: LinkOptions = { latencyMs: { min: 0.01, max: 0.05 }, bytesPerMs: Infinity }

/**
 * The network between simulated machines. A machine is found by its name or its address (10.0.0.1 for the first);
 * 'localhost' is the machine that asks. Everything a test may do to a network is a method here; the code under test only
 * sees what `attach` returns.
 *
 * A connection whose peer has lost power stays open until something is sent over it and the peer is back: nothing gives
 * up by itself, so the code under test needs time-outs of its own.
 */
export class SimulatedNetwork {
  readonly #scheduler: Scheduler
  readonly #options: LinkOptions
  readonly #machines = new Map<string, SimulatedMachine>()
  readonly #links = new Map<string, NetworkLink>()

  constructor(scheduler: Scheduler, options: Partial<LinkOptions> = {}) {
    this.#scheduler = scheduler
    this.#options = { ...optionsDefault, ...options }
  }

  /** The network as the process sees it that runs now on `machineName`; adds the machine if it is new. */
  attach(machineName: string): Network {
    return new SimulatedNetworkAccess(this.#scheduler, this.#machine(machineName), {
      link: (source, target) => this.link(source, target),
      find: (host) => this.#find(host),
    })
  }

  /** All machines so far. */
  get machineNames(): readonly string[] {
    return [...this.#machines.keys()]
  }

  /** The way from one machine to another, whose options may be changed at any time. */
  link(source: string, target: string): NetworkLink {
    const label = `${source}>${target}`
    let link = this.#links.get(label)
    if (link === undefined) {
      link = new NetworkLink(this.#scheduler, label, { ...(source === target ? optionsWithin : this.#options) })
      this.#links.set(label, link)
    }
    return link
  }

  /** Cuts the way from `source` to `target`; the way back still works. */
  cut(source: string, target: string): void {
    this.link(source, target).cut()
  }

  /** Cuts both ways between each machine of one group and each of the other. */
  partition(group: readonly string[], others: readonly string[]): void {
    for (const one of group) {
      for (const other of others) {
        this.cut(one, other)
        this.cut(other, one)
      }
    }
  }

  heal(source: string, target: string): void {
    this.link(source, target).heal()
  }

  healAll(): void {
    for (const link of this.#links.values()) if (link.isCut) link.heal()
  }

  /** Breaks all connections between two machines; both ends see a reset. */
  breakConnections(one: string, other: string): void {
    for (const [name, peer] of [
      [one, other],
      [other, one],
    ] as const) {
      for (const connection of this.#machine(name).process.connections) connection.breakOff(peer)
    }
  }

  /** The process on the machine ends (kill -9): its peers see the end of their connections. */
  killProcess(machineName: string): void {
    this.#machine(machineName).killProcess()
  }

  /** The machine loses power: its peers are told nothing. */
  losePower(machineName: string): void {
    this.#machine(machineName).losePower()
  }

  powerOn(machineName: string): void {
    this.#machine(machineName).powerOn()
  }

  #machine(name: string): SimulatedMachine {
    let machine = this.#machines.get(name)
    if (machine === undefined) {
      machine = new SimulatedMachine(name, `10.0.0.${this.#machines.size + 1}`)
      this.#machines.set(name, machine)
    }
    return machine
  }

  #find(host: string): SimulatedMachine | undefined {
    const named = this.#machines.get(host)
    if (named !== undefined) return named
    for (const machine of this.#machines.values()) if (machine.address === host) return machine
    return undefined
  }
}
