import type { Host } from '../host.ts'
import { MachineTime } from './machine-time.ts'
import type { Survival } from './random-survival.ts'
import type { Scheduler } from './scheduler.ts'
import { SimulatedClock } from './simulated-clock.ts'
import { SimulatedDisk } from './simulated-disk.ts'
import type { SimulatedDiskOptions } from './simulated-disk.ts'
import type { SimulatedNetwork } from './simulated-network.ts'

/**
 * A machine of the simulated world: clocks and a disk that last, and one process at a time that uses them through
 * `host`. After `killProcess` or `powerOn`, `host` is that of the next process; the old one is dead, and none of its
 * timers, reads, syncs and connections calls back any more.
 */
export class SimulatedNode {
  readonly name: string
  readonly time: MachineTime
  readonly disk: SimulatedDisk
  readonly #scheduler: Scheduler
  readonly #network: SimulatedNetwork
  #processCount = 0
  #clock: SimulatedClock | undefined
  #host: Host | undefined

  constructor(scheduler: Scheduler, network: SimulatedNetwork, name: string, disk: Partial<SimulatedDiskOptions>) {
    this.name = name
    this.time = new MachineTime(scheduler)
    this.disk = new SimulatedDisk(scheduler, name, disk)
    this.#scheduler = scheduler
    this.#network = network
    this.#startProcess()
  }

  /** The world as the process sees it that runs now. */
  get host(): Host {
    if (this.#host === undefined) throw new Error(`${this.name} has no power`)
    return this.#host
  }

  /** kill -9, and a new process in its place. The page cache stays. */
  killProcess(): Host {
    this.#endProcess()
    this.disk.killProcess()
    this.#network.killProcess(this.name)
    return this.#startProcess()
  }

  /** Pulls the plug. `survival` decides what of the unsynced data is left; by default the seed does. */
  losePower(survival?: Survival): void {
    this.#endProcess()
    this.disk.losePower(survival)
    this.#network.losePower(this.name)
  }

  /**
   * SIGSTOP: the process does nothing until `resume`, while time and the world go on. Whoever pauses also stalls the disk
   * and cuts the network, which may have troubles of their own.
   */
  pause(): void {
    this.#clock?.pause()
  }

  /** SIGCONT. */
  resume(): void {
    this.#clock?.resume()
  }

  powerOn(): Host {
    if (this.#host !== undefined) throw new Error(`${this.name} has power`)
    this.#network.powerOn(this.name)
    return this.#startProcess()
  }

  #endProcess(): void {
    this.#clock?.kill()
    this.#clock = undefined
    this.#host = undefined
  }

  #startProcess(): Host {
    this.#processCount += 1
    this.#clock = new SimulatedClock(this.#scheduler, this.time, this.name)
    this.#host = {
      clock: this.#clock,
      disk: this.disk.attach(),
      network: this.#network.attach(this.name),
      random: this.#scheduler.random.stream(`process ${this.name} ${this.#processCount}`),
    }
    return this.#host
  }
}
