import type { Address } from '../host/network.ts'
import type { RequestContext } from './request-context.ts'

/** This broker in the form that most answers name brokers in. */
export interface BrokerNode {
  nodeId: number
  host: string
  port: number
  rack: string | null
}

/** Where the client of this request shall reach this broker: the advertised address, else the one that it dialled. */
export function ownAddress(context: RequestContext): Address {
  return context.services.config.advertisedAddress ?? context.client.local
}

export function ownNode(context: RequestContext): BrokerNode {
  const { brokerId, brokerRack } = context.services.config
  const { host, port } = ownAddress(context)
  return { nodeId: brokerId, host, port, rack: brokerRack === '' ? null : brokerRack }
}
