import { NodeClock } from '../../packages/broker/src/host/node/node-clock.ts'
import { SimulatedWorld } from '../../packages/broker/src/host/simulated/simulated-world.ts'
import { describeClockContract } from './clock.contract.ts'
import { realStage, simulatedStage } from './stage.ts'

describeClockContract('node', () => {
  const clock = new NodeClock()
  return { ...realStage, clock }
})

describeClockContract('simulated', () => {
  const world = new SimulatedWorld(1)
  return { ...simulatedStage(world.scheduler), clock: world.node('one').host.clock }
})

describeClockContract('simulated, drifting', () => {
  const world = new SimulatedWorld(2)
  world.node('one').time.drift(1.1)
  world.node('one').time.jump(-3_600_000)
  return { ...simulatedStage(world.scheduler), clock: world.node('one').host.clock }
})
