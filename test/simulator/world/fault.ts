import type { SimulatedRandom } from '../../../packages/broker/src/host/simulated/simulated-random.ts'
import type { SimulatedWorld } from '../../../packages/broker/src/host/simulated/simulated-world.ts'
import type { Recorder } from '../clients/recorder.ts'
import type { BrokerMachine } from './broker-machine.ts'
import type { MetadataMachine } from './metadata-machine.ts'

export interface FaultTargets {
  world: SimulatedWorld
  random: SimulatedRandom
  recorder: Recorder
  brokers: readonly BrokerMachine[]
  /** Undefined where a broker has its own store. */
  metadata: MetadataMachine | undefined
  clientNames: () => readonly string[]
  killClient: (name: string) => void
}

/** Begins a fault; gives back what ends it, or undefined if it did not hit anything. */
export type Fault = (targets: FaultTargets, broker: BrokerMachine, client: string) => (() => void) | undefined
