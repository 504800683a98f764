import { clusterResource } from '../image/acl.ts'
import type { Operation, ResourceType } from '../image/acl.ts'
import type { Principal } from './principal.ts'

/** Something that somebody may or may not do something with. */
export interface Resource {
  readonly type: ResourceType
  readonly name: string
}

/** The cluster as a whole. */
export const theCluster: Resource = { type: 'cluster', name: clusterResource }

/**
 * Says what is allowed. The broker asks at each request for each topic, group and so on that it names, so an answer has to
 * be there at once and to cost next to nothing. Replace it by `startBroker({ authorizer })`.
 *
 * Brokers of the cluster are not asked about: who knows the cluster's secret may do what brokers do.
 */
export interface Authorizer {
  /**
   * Must not throw.
   * @param host IP address of the client, such as `192.0.2.7`; an IPv4 address is never written as an IPv6 one
   */
  isAllowed(principal: Principal, host: string, operation: Operation, resource: Resource): boolean

  /** Whether the operation is allowed on any resource of the type, be there one of that name or not (KIP-679). */
  isAllowedSomewhere(principal: Principal, host: string, operation: Operation, type: ResourceType): boolean
}
