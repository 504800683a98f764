import type { Host } from '../host.ts'
import { NodeClock } from './node-clock.ts'
import { NodeDisk } from './node-disk.ts'
import { NodeNetwork } from './node-network.ts'
import { NodeRandom } from './node-random.ts'

/** The world as it is: this machine's clock, file system, network and random source. */
export function createNodeHost(): Host {
  return { clock: new NodeClock(), disk: new NodeDisk(), network: new NodeNetwork(), random: new NodeRandom() }
}
