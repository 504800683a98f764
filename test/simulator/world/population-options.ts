import type { SimulatedWorld } from '../../../packages/broker/src/host/simulated/simulated-world.ts'
import type { Recorder } from '../clients/recorder.ts'
import type { BrokerMachine } from './broker-machine.ts'
import type { Plan } from './plan.ts'

export interface PopulationOptions {
  plan: Plan
  world: SimulatedWorld
  recorder: Recorder
  brokers: readonly BrokerMachine[]
  isEnding: () => boolean
  crashed: (name: string, error: unknown) => void
}
