import type { LinkOptions } from './network-link.ts'
import { Scheduler } from './scheduler.ts'
import type { SimulatedDiskOptions } from './simulated-disk.ts'
import { SimulatedNetwork } from './simulated-network.ts'
import { SimulatedNode } from './simulated-node.ts'

/**
 * Machines, their network and the time in which they live, all driven by one seed.
 *
 * ```ts
 * const world = new SimulatedWorld(7)
 * const node = world.node('one')
 * const file = node.host.disk.open('log', 'create')
 * file.write([bytes], 0)
 * await world.scheduler.complete(file.sync())
 * node.losePower()
 * node.powerOn().disk.sizeOf('log') // undefined or bytes.length: the name was never synced
 * ```
 */
export class SimulatedWorld {
  readonly scheduler: Scheduler
  readonly network: SimulatedNetwork
  readonly #nodes = new Map<string, SimulatedNode>()

  constructor(seed: number, link: Partial<LinkOptions> = {}) {
    this.scheduler = new Scheduler(seed)
    this.network = new SimulatedNetwork(this.scheduler, link)
  }

  /** The machine called `name`; made, with `disk`, when it is asked for first. */
  node(name: string, disk: Partial<SimulatedDiskOptions> = {}): SimulatedNode {
    let node = this.#nodes.get(name)
    if (node === undefined) {
      node = new SimulatedNode(this.scheduler, this.network, name, disk)
      this.#nodes.set(name, node)
    }
    return node
  }
}
