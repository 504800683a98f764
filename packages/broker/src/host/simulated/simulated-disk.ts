import type { Disk } from '../disk.ts'
import { DiskDevice } from './disk-device.ts'
import type { DiskProcess, DiskTimes } from './disk-device.ts'
import type { DiskOperation } from './disk-operation.ts'
import { RandomSurvival } from './random-survival.ts'
import type { Survival } from './random-survival.ts'
import type { Scheduler } from './scheduler.ts'
import { SimulatedDiskAccess } from './simulated-disk-access.ts'

export interface SimulatedDiskOptions extends DiskTimes {
  capacityBytes: number
}

const optionsDefault: SimulatedDiskOptions = {
  syncMs: { min: 0.2, max: 4 },
  readMs: { min: 0.05, max: 1 },
  capacityBytes: 2 ** 40,
}

/**
 * A disk that outlives the processes which use it, with the durability contract of host/disk.ts taken at its word: a
 * loss of power may undo whatever that contract does not promise. Everything a test may do to a disk is a method here;
 * the code under test only sees what `attach` returns.
 */
export class SimulatedDisk {
  /** May be changed at any time. */
  readonly times: DiskTimes
  readonly #device: DiskDevice
  readonly #locks = new Set<object>()
  #process: DiskProcess = { dead: false }

  constructor(scheduler: Scheduler, name: string, options: Partial<SimulatedDiskOptions> = {}) {
    const { capacityBytes, ...times } = { ...optionsDefault, ...options }
    this.times = times
    this.#device = new DiskDevice(scheduler, name, times, capacityBytes)
  }

  /** The disk as the process sees it that runs now. */
  attach(): Disk {
    return new SimulatedDiskAccess(this.#device, this.#process, this.#locks)
  }

  /** Tells `listener` every operation from now on. */
  record(listener: (operation: DiskOperation) => void): void {
    this.#device.listener = listener
  }

  /** The process ends (kill -9): its handles and locks are gone, what it wrote stands in the page cache. */
  killProcess(): void {
    this.#process.dead = true
    this.#process = { dead: false }
    this.#locks.clear()
  }

  /** The machine loses power: `survival` decides what is left of what was not synced. Ends the process too. */
  losePower(survival: Survival = new RandomSurvival(this.#device.random)): void {
    this.killProcess()
    this.#device.losePower(survival)
  }

  /** Writes fail with 'full' once all files together have this size. */
  setCapacity(bytes: number): void {
    this.#device.space.capacityBytes = bytes
  }

  /** The next sync of a file or folder that `matches` fails with 'io', and what it covers is never written. */
  failNextSync(matches: (path: string) => boolean = () => true): void {
    this.#device.syncFaults.push(matches)
  }

  /** The next read of a file that `matches` fails with 'io'. */
  failNextRead(matches: (path: string) => boolean = () => true): void {
    this.#device.readFaults.push(matches)
  }

  /** From now on no sync and no read from the device ends. */
  stall(): void {
    this.#device.stall()
  }

  /** Ends a stall. */
  release(): void {
    this.#device.release()
  }

  /** Turns one bit of a file, on the device and in the page cache. */
  flipBit(path: string, position: number, bit: number): void {
    const node = this.#device.tree.find(path)
    if (node?.kind !== 'file') throw new Error(`no file ${path} to damage`)
    node.content.flipBit(position, bit)
  }

  /** Turns one random bit in a file that `matches`; returns where, or undefined when there is none with content. */
  rot(matches: (path: string) => boolean = () => true): { path: string; position: number; bit: number } | undefined {
    const random = this.#device.random
    const candidates = [...this.#device.files()].filter(([path, file]) => file.size > 0 && matches(path))
    const picked = candidates[random.below(candidates.length)]
    if (picked === undefined) return undefined
    const place = { path: picked[0], position: random.below(picked[1].size), bit: random.below(8) }
    picked[1].flipBit(place.position, place.bit)
    return place
  }
}
