import type { Address } from '../host/network.ts'
import type { LiveBroker } from '../image/records.ts'
import type { RequestContext } from './request-context.ts'

/** A broker in the form that most answers name brokers in. */
export interface BrokerNode {
  nodeId: number
  host: string
  port: number
  rack: string | null
}

/**
 * Where the client of this request shall reach this broker: the advertised address; in a cluster, the registered one; else
 * the one that it dialled, so that a broker on its own needs no configuration.
 */
function ownAddress({ client, services }: RequestContext): Address {
  const { config, image } = services
  if (config.advertisedAddress !== undefined) return config.advertisedAddress
  const registered = image.brokers.size > 1 ? image.brokers.get(config.brokerId) : undefined
  return registered ?? client.local
}

function ownNode(context: RequestContext): BrokerNode {
  const { brokerId, brokerRack } = context.services.config
  const { host, port } = ownAddress(context)
  return { nodeId: brokerId, host, port, rack: rackOf(brokerRack) }
}

function nodeOf({ id, host, port, rack }: LiveBroker): BrokerNode {
  return { nodeId: id, host, port, rack: rackOf(rack) }
}

function rackOf(rack: string): string | null {
  return rack === '' ? null : rack
}

/** A broker that is up; undefined if it is not. This one always is, even before it is registered. */
export function findNode(context: RequestContext, brokerId: number): BrokerNode | undefined {
  const { config, image } = context.services
  if (brokerId === config.brokerId) return ownNode(context)
  const broker = image.brokers.get(brokerId)
  return broker && nodeOf(broker)
}

/** All brokers that are up, in the order of their ids. */
export function listNodes(context: RequestContext): BrokerNode[] {
  const { config, image } = context.services
  const others = [...image.brokers.values()].filter(({ id }) => id !== config.brokerId).map(nodeOf)
  return [...others, ownNode(context)].toSorted((a, b) => a.nodeId - b.nodeId)
}

export function isLive({ services }: RequestContext, brokerId: number): boolean {
  return brokerId === services.config.brokerId || services.image.brokers.has(brokerId)
}

/**
 * The broker that clients send administrative requests to: the controller. Each broker takes them, so one that knows of no
 * controller names itself.
 */
export function findController(context: RequestContext): number {
  const { config, image } = context.services
  const elected = image.controller?.brokerId
  return elected !== undefined && isLive(context, elected) ? elected : config.brokerId
}
