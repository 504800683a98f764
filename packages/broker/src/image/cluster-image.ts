import type { KeyValue, WatchEvent } from '../cluster/metadata-store.ts'
import { readAcl } from './acl.ts'
import type { StoredAcl } from './acl.ts'
import {
  aclPrefix,
  brokerPrefix,
  controllerKey,
  drainPrefix,
  partitionsPrefix,
  policyPrefix,
  topicPrefix,
  groupPrefix,
  userPrefix,
} from './keys.ts'
import { decodeGroup } from './group-configs.ts'
import type { GroupConfigs } from './group-configs.ts'
import { decodePartition } from './partition-state.ts'
import type { PartitionState } from './partition-state.ts'
import type {
  BrokerRecord,
  Controller,
  ControllerRecord,
  DrainRecord,
  LiveBroker,
  Policy,
  PolicyRecord,
} from './records.ts'
import { decodeTopic, isInternalTopic } from './topic.ts'
import type { Topic, TopicRecord } from './topic.ts'
import { decodeUser } from './user.ts'
import type { User } from './user.ts'

/** What one step of the image has changed. Ids stand for things that came, changed or went. */
export interface ImageChange {
  readonly brokers: Set<number>
  /** By topic id: the topic before, undefined if it is new. After: `image.topicsById`. */
  readonly topics: Map<string, Topic | undefined>
  controller: boolean
  policies: boolean
  drains: boolean
  /** Names. */
  readonly users: Set<string>
  /** Groups of which something was set or unset. */
  readonly groups: Set<string>
  /** Access rules by key: what was there before, undefined if it is new. After: `image.acls`. */
  readonly acls: Map<string, StoredAcl | undefined>
}

/** A value in the store that this program cannot read. It is reported, and left out of the image unless it is an access rule. */
export interface Unreadable {
  readonly key: string
  readonly reason: string
  /** Everybody is denied what it is about, until it is removed or can be read. */
  readonly isAcl: boolean
}

/**
 * What the metadata store says, in memory: the same on every broker at the same revision. Read it freely; only `ImageFeed`
 * changes it. Objects in it are immutable and replaced as a whole, so that `===` tells whether one has changed.
 */
export class ClusterImage {
  /** Revision of the store that this is the state of. */
  revision = 0
  readonly brokers = new Map<number, LiveBroker>()
  readonly topics = new Map<string, Topic>()
  readonly topicsById = new Map<string, Topic>()
  readonly policies = new Map<string, Policy>()
  readonly drains = new Map<number, DrainRecord>()
  readonly users = new Map<string, User>()
  /** By group id: what was set for it. */
  readonly groups = new Map<string, GroupConfigs>()
  /** Access rules by key. */
  readonly acls = new Map<string, StoredAcl>()
  controller: Controller | undefined
  /** Partition states of topics whose own key is not there: being made, or what is left of a deleted one. */
  readonly strayPartitions = new Map<string, ReadonlyMap<number, PartitionState>>()
  partitionCount = 0
  /** Values met so far that could not be read: the image may lack something. */
  unreadableCount = 0
  readonly #records = new Map<string, TopicRecord>()
  readonly #partitions = new Map<string, Map<number, PartitionState>>()
  readonly #idOfName = new Map<string, string>()
  readonly #unreadable: (found: Unreadable) => void

  constructor(unreadable: (found: Unreadable) => void) {
    this.#unreadable = (found) => {
      this.unreadableCount += 1
      unreadable(found)
    }
  }

  /** Applies the events of one revision, or all that differs after a new look at the whole store. */
  apply(revision: number, events: readonly WatchEvent[]): ImageChange {
    const change: ImageChange = {
      brokers: new Set(),
      topics: new Map(),
      controller: false,
      policies: false,
      drains: false,
      users: new Set(),
      groups: new Set(),
      acls: new Map(),
    }
    const touched = new Set<string>()
    for (const event of events) {
      const key = event.kind === 'put' ? event.keyValue.key : event.key
      try {
        this.#applyOne(key, event.kind === 'put' ? event.keyValue : undefined, change, touched)
      } catch (error) {
        this.#unreadable({ key, reason: error instanceof Error ? error.message : String(error), isAcl: false })
      }
    }
    for (const id of touched) this.#assemble(id, change)
    this.revision = revision
    return change
  }

  #applyOne(key: string, found: KeyValue | undefined, change: ImageChange, touched: Set<string>): void {
    if (key.startsWith(partitionsPrefix)) this.#applyPartition(key, found, touched)
    else if (key.startsWith(topicPrefix)) this.#applyTopic(key, found, touched)
    else if (key.startsWith(brokerPrefix)) {
      const id = numberAfter(brokerPrefix, key)
      if (found) this.brokers.set(id, { ...(JSON.parse(found.value) as BrokerRecord), id, epoch: found.createRevision })
      else this.brokers.delete(id)
      change.brokers.add(id)
    } else if (key === controllerKey) {
      const record = found && (JSON.parse(found.value) as ControllerRecord)
      this.controller = record && { ...record, epoch: found.createRevision }
      change.controller = true
    } else if (key.startsWith(policyPrefix)) {
      const name = key.slice(policyPrefix.length)
      if (found) this.policies.set(name, { ...(JSON.parse(found.value) as PolicyRecord), name })
      else this.policies.delete(name)
      change.policies = true
    } else if (key.startsWith(drainPrefix)) {
      const id = numberAfter(drainPrefix, key)
      if (found) this.drains.set(id, JSON.parse(found.value) as DrainRecord)
      else this.drains.delete(id)
      change.drains = true
    } else if (key.startsWith(userPrefix)) this.#applyUser(key, found, change)
    else if (key.startsWith(aclPrefix)) this.#applyAcl(key, found, change)
    else if (key.startsWith(groupPrefix)) this.#applyGroup(key.slice(groupPrefix.length), found, change)
  }

  #applyPartition(key: string, found: KeyValue | undefined, touched: Set<string>): void {
    const slash = key.lastIndexOf('/')
    const topicId = key.slice(partitionsPrefix.length, slash)
    const partitions = this.#partitions.get(topicId) ?? new Map<number, PartitionState>()
    this.#partitions.set(topicId, partitions)
    if (found) {
      const state = decodePartition(key, found.value, found.modRevision)
      partitions.set(state.index, state)
    } else partitions.delete(Number(key.slice(slash + 1)))
    if (partitions.size === 0) this.#partitions.delete(topicId)
    touched.add(topicId)
  }

  #applyTopic(key: string, found: KeyValue | undefined, touched: Set<string>): void {
    const name = key.slice(topicPrefix.length)
    const before = this.#idOfName.get(name)
    if (before !== undefined) touched.add(before)
    const record = found && decodeTopic(name, found.value, found.modRevision)
    if (before !== undefined && before !== record?.id) this.#records.delete(before)
    if (record) {
      this.#records.set(record.id, record)
      this.#idOfName.set(name, record.id)
      touched.add(record.id)
    } else this.#idOfName.delete(name)
  }

  #applyUser(key: string, found: KeyValue | undefined, change: ImageChange): void {
    const name = key.slice(userPrefix.length)
    // First of all: who has a value that cannot be read must not get in with the one before.
    this.users.delete(name)
    change.users.add(name)
    if (found) this.users.set(name, decodeUser(name, found.value, found.modRevision))
  }

  #applyGroup(groupId: string, found: KeyValue | undefined, change: ImageChange): void {
    this.groups.delete(groupId)
    change.groups.add(groupId)
    if (found) this.groups.set(groupId, decodeGroup(groupId, found.value, found.modRevision))
  }

  #applyAcl(key: string, found: KeyValue | undefined, change: ImageChange): void {
    if (!change.acls.has(key)) change.acls.set(key, this.acls.get(key))
    this.acls.delete(key)
    if (!found) return
    const stored = readAcl(key.slice(aclPrefix.length), found.value)
    this.acls.set(key, stored)
    if (stored.fault !== undefined) this.#unreadable({ key, reason: stored.fault, isAcl: true })
  }

  /** Puts a topic together again from its record and partitions; one that lacks a partition is not there yet. */
  #assemble(id: string, change: ImageChange): void {
    const before = this.topicsById.get(id)
    const record = this.#records.get(id)
    const states = this.#partitions.get(id) ?? new Map<number, PartitionState>()
    const after = record && assembleTopic(record, states)
    if (record && !after) {
      const reason = `the topic has ${record.partitionCount} partitions, the store knows ${states.size}`
      this.#unreadable({ key: `${topicPrefix}${record.name}`, reason, isAcl: false })
      // What is known of it stays as it was: nobody may conclude from a gap in the store that data is to be removed.
      return
    }
    this.partitionCount += (after?.partitions.length ?? 0) - (before?.partitions.length ?? 0)
    if (!record && states.size > 0) this.strayPartitions.set(id, states)
    else this.strayPartitions.delete(id)
    if (!change.topics.has(id)) change.topics.set(id, before)
    if (after) {
      this.topicsById.set(id, after)
      this.topics.set(after.name, after)
    } else if (before) {
      this.topicsById.delete(id)
      if (this.topics.get(before.name) === before) this.topics.delete(before.name)
    }
  }
}

function assembleTopic(record: TopicRecord, states: ReadonlyMap<number, PartitionState>): Topic | undefined {
  const partitions: PartitionState[] = []
  for (let index = 0; index < record.partitionCount; index++) {
    const state = states.get(index)
    if (state === undefined) return undefined
    partitions.push(state)
  }
  const { name, id, configs, placement, modRevision } = record
  return { name, id, internal: isInternalTopic(name), partitions, configs, placement, modRevision }
}

function numberAfter(prefix: string, key: string): number {
  const number = Number(key.slice(prefix.length))
  if (!Number.isSafeInteger(number) || number < 0) throw new Error('the key does not end with a broker id')
  return number
}
