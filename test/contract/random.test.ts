import { NodeRandom } from '../../packages/broker/src/host/node/node-random.ts'
import { SimulatedRandom } from '../../packages/broker/src/host/simulated/simulated-random.ts'
import { describeRandomContract } from './random.contract.ts'

describeRandomContract('node', () => new NodeRandom())
describeRandomContract('simulated', () => new SimulatedRandom(1))
describeRandomContract('simulated, seed 0', () => new SimulatedRandom(0))
