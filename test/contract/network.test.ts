import { NodeNetwork } from '../../packages/broker/src/host/node/node-network.ts'
import { SimulatedWorld } from '../../packages/broker/src/host/simulated/simulated-world.ts'
import { describeNetworkContract } from './network.contract.ts'
import { PlainNetwork } from './plain-network.ts'
import { realStage, simulatedStage } from './stage.ts'
import { TlsNetwork } from './tls-network.ts'

describeNetworkContract('node', () => {
  const network = new NodeNetwork()
  return { ...realStage, server: network, serverHost: '127.0.0.1', client: network }
})

describeNetworkContract('node, without access to handles', () => {
  const network = new PlainNetwork()
  return { ...realStage, server: network, serverHost: '127.0.0.1', client: network }
})

for (const [clientAuthentication, version] of [
  ['none', '1.2'],
  ['required', '1.3'],
] as const) {
  const network = new TlsNetwork(clientAuthentication, version)
  describeNetworkContract(`node, TLS from ${version} on, certificates of clients: ${clientAuthentication}`, () => {
    return { ...realStage, server: network, serverHost: '127.0.0.1', client: network }
  })
}

for (const seed of [1, 2, 3]) {
  describeNetworkContract(`simulated, seed ${seed}`, () => {
    const world = new SimulatedWorld(seed)
    const server = world.node('server').host.network
    return {
      ...simulatedStage(world.scheduler),
      server,
      serverHost: 'server',
      client: world.node('client').host.network,
    }
  })
}
