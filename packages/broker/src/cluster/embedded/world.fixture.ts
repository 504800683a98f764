import assert from 'node:assert/strict'
import { MachineTime } from '../../host/simulated/machine-time.ts'
import { Scheduler } from '../../host/simulated/scheduler.ts'
import { SimulatedClock } from '../../host/simulated/simulated-clock.ts'
import { SimulatedDisk } from '../../host/simulated/simulated-disk.ts'
import { MetadataError } from '../metadata-error.ts'
import { EmbeddedMetadataStore } from './embedded-store.ts'
import type { EmbeddedStoreLimits } from './limits.ts'

/** A simulated machine with one process, that of the store. */
export class World {
  readonly scheduler: Scheduler
  readonly #time: MachineTime
  readonly #limits: Partial<EmbeddedStoreLimits>
  readonly disk: SimulatedDisk
  clock: SimulatedClock

  constructor(seed: number, limits: Partial<EmbeddedStoreLimits> = {}) {
    this.#limits = limits
    this.scheduler = new Scheduler(seed)
    this.#time = new MachineTime(this.scheduler)
    this.disk = new SimulatedDisk(this.scheduler, 'disk')
    this.clock = this.#newClock()
  }

  #newClock(): SimulatedClock {
    return new SimulatedClock(this.scheduler, this.#time, 'broker')
  }

  /** Makes the folder in which the store makes its own. */
  async begin(): Promise<void> {
    const disk = this.disk.attach()
    disk.makeDirectory('/data')
    await this.settle(disk.syncDirectory('/'))
  }

  crash(end: 'kill' | 'power'): void {
    this.clock.kill()
    if (end === 'kill') this.disk.killProcess()
    else this.disk.losePower()
    this.clock = this.#newClock()
  }

  /** Lets the world run until a promise settles. */
  async settle<T>(promise: Promise<T>): Promise<T> {
    let settled = false
    const end = (): void => {
      settled = true
    }
    promise.then(end, end)
    await this.scheduler.run(() => settled)
    return promise
  }

  /** A sync that fails may hit the opening itself, which then must leave the store as it was. */
  async reopen(): Promise<EmbeddedMetadataStore> {
    for (let attempt = 0; attempt < 10; attempt++) {
      try {
        return await this.open()
      } catch (error) {
        assert.ok(error instanceof MetadataError && error.kind === 'unavailable', String(error))
        this.crash(attempt % 2 === 0 ? 'kill' : 'power')
      }
    }
    assert.fail('the store does not open though the disk is sound again')
  }

  open(): Promise<EmbeddedMetadataStore> {
    const options = { disk: this.disk.attach(), clock: this.clock, directory: '/data/metadata', limits: this.#limits }
    return this.settle(EmbeddedMetadataStore.open(options))
  }
}
