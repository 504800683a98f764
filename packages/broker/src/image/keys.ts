import { aclId, aclPlace } from './acl.ts'
import type { AclRule } from './acl.ts'

/**
 * Every key of the metadata store. docs/metadata.md lists them with their values; a prefix that an etcd cluster is shared
 * under is put in front by the store.
 */

/** Id and secret of the cluster: `ClusterRecord`. */
export const clusterKey = '/cluster'
/** Who has been elected to control: `ControllerRecord`, under the lease of that broker. */
export const controllerKey = '/controller'
export const brokerPrefix = '/brokers/'
const identityPrefix = '/identities/'
export const topicPrefix = '/topics/'
export const partitionsPrefix = '/partitions/'
export const policyPrefix = '/policies/'
export const drainPrefix = '/drains/'
export const aclPrefix = '/acls/'
export const userPrefix = '/users/'
export const groupPrefix = '/groups/'

/** A broker that is up: `BrokerRecord`, under its lease. The create revision is the broker epoch. */
export function brokerKey(brokerId: number): string {
  return `${brokerPrefix}${brokerId}`
}

/** Which data directory a broker id belongs to: `IdentityRecord`. Stays when the broker goes. */
export function identityKey(brokerId: number): string {
  return `${identityPrefix}${brokerId}`
}

/** A topic exists if and only if this key does: `TopicRecord`. */
export function topicKey(name: string): string {
  return `${topicPrefix}${name}`
}

export function partitionPrefix(topicId: string): string {
  return `${partitionsPrefix}${topicId}/`
}

/** State of a partition: `PartitionState`. Written before, and removed after, the key of its topic. */
export function partitionKey(topicId: string, index: number): string {
  return `${partitionPrefix(topicId)}${index}`
}

/** A placement policy: `PolicyRecord`. */
export function policyKey(name: string): string {
  return `${policyPrefix}${name}`
}

/** The wish that a broker holds no replicas: `DrainRecord`. */
export function drainKey(brokerId: number): string {
  return `${drainPrefix}${brokerId}`
}

/** Somebody who can log in: `User`, with credentials that a password can be checked against but not taken from. */
export function userKey(name: string): string {
  return `${userPrefix}${name}`
}

/** One access rule: `AclRule`. */
export function aclKey(rule: AclRule): string {
  return `${aclPrefix}${aclPlace(rule)}${aclId(rule)}`
}

/** What was set for a group: `GroupRecord`. The group itself lives in the log of groups and need not exist. */
export function groupKey(groupId: string): string {
  return `${groupPrefix}${groupId}`
}
