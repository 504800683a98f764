import type { Clock } from './clock.ts'
import type { Disk } from './disk.ts'
import type { Network } from './network.ts'
import type { Random } from './random.ts'

/** The outside world. The only way the broker reaches it; see docs/adr/0002-world-through-constructors.md. */
export interface Host {
  clock: Clock
  disk: Disk
  network: Network
  random: Random
}
