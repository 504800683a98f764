import { assert } from '../../errors/errors.ts'

/** Partitions by topic id, in no order. */
export type Assignment = ReadonlyMap<string, readonly number[]>

/** What is to be shared out. */
export interface AssignmentTask {
  /** By member id: the ids of the topics it subscribes to, of those that exist. */
  readonly subscriptions: ReadonlyMap<string, readonly string[]>
  /** By topic id. */
  readonly partitionCounts: ReadonlyMap<string, number>
  /** What members have now: kept where it does not stand in the way of an even spread. */
  readonly present: ReadonlyMap<string, Assignment>
}

/** Name in the answers of ShareGroupDescribe. */
export const assignorName = 'simple'

/**
 * Partitions that a member is given at least, if its topics have that many: it then takes what is there wherever it is.
 * What more of them cost is in ADR 9.
 */
export const memberPartitionsWanted = 16

/** Members of a partition, if so many subscribe to its topic: one that hangs must not keep the messages from all others. */
const ownersWanted = 2

/**
 * Gives partitions to the members of a share group. What the simple assignor of KIP-932 promises holds: each partition has
 * a member among those that subscribe to its topic, each of those members a partition, and members that subscribe to the
 * same have about the same load. Beyond that no partition depends on a single member, as one may hang and yet be heard of:
 * each has two at least, and members share all partitions up to {@link memberPartitionsWanted}. The same task always has
 * the same outcome.
 */
export function assignPartitions(task: AssignmentTask): Map<string, Assignment> {
  const spread = new Spread(task)
  spread.keep()
  for (let count = 1; count <= ownersWanted; count++) spread.cover(count)
  spread.widen()
  spread.balance()
  return spread.outcome()
}

interface Place {
  readonly topicId: string
  readonly partition: number
  readonly name: string
  readonly owners: Set<string>
}

class Spread {
  readonly #task: AssignmentTask
  /** Member ids, sorted: ties must not depend on the order of joining. */
  readonly #members: readonly string[]
  readonly #subscribers = new Map<string, string[]>()
  readonly #places: Place[] = []
  readonly #byTopic = new Map<string, readonly Place[]>()
  readonly #loads = new Map<string, number>()
  readonly #present = new Map<string, ReadonlySet<string>>()

  constructor(task: AssignmentTask) {
    this.#task = task
    this.#members = [...task.subscriptions.keys()].toSorted()
    for (const member of this.#members) {
      this.#loads.set(member, 0)
      this.#present.set(member, placeNames(task.present.get(member)))
      for (const topicId of new Set(task.subscriptions.get(member))) {
        const subscribers = this.#subscribers.get(topicId)
        if (subscribers === undefined) this.#subscribers.set(topicId, [member])
        else subscribers.push(member)
      }
    }
    for (const topicId of [...this.#subscribers.keys()].toSorted()) {
      const count = task.partitionCounts.get(topicId)
      assert(count !== undefined, 'only topics that exist are assigned')
      const places = Array.from({ length: count }, (_, partition): Place => {
        return { topicId, partition, name: placeName(topicId, partition), owners: new Set() }
      })
      this.#byTopic.set(topicId, places)
      for (const place of places) this.#places.push(place)
    }
  }

  /** Leaves partitions with whom they are, up to the load that everybody has at least and the members that each needs. */
  keep(): void {
    const memberCount = Math.max(1, this.#members.length)
    const placeCount = Math.max(1, this.#places.length)
    const loadMax = Math.max(memberPartitionsWanted, Math.floor((ownersWanted * placeCount) / memberCount))
    const ownersMax = Math.max(ownersWanted, Math.ceil((memberPartitionsWanted * memberCount) / placeCount))
    for (const place of this.#places) {
      for (const member of this.#subscribers.get(place.topicId)!) {
        if (place.owners.size >= ownersMax) break
        if (this.#loads.get(member)! < loadMax && this.#hasNow(member, place)) this.#give(place, member)
      }
    }
  }

  /** Gives each partition that has fewer members than that to those with the least to do. */
  cover(ownerCount: number): void {
    for (const place of this.#places) {
      if (place.owners.size >= ownerCount) continue
      const best = this.#bestFor(place)
      if (best !== undefined) this.#give(place, best)
    }
  }

  /** Lets members that have little join where the fewest are. */
  widen(): void {
    for (const member of this.#members) {
      let wanted = memberPartitionsWanted - this.#loads.get(member)!
      if (wanted <= 0) continue
      const byRank: Place[][] = []
      const topicIds = new Set(this.#task.subscriptions.get(member))
      for (const place of [...topicIds].flatMap((topicId) => this.#byTopic.get(topicId)!)) {
        if (place.owners.has(member)) continue
        // Of those that are as good, what the member has now comes first.
        const rank = place.owners.size * 2 + (this.#hasNow(member, place) ? 0 : 1)
        const peers = (byRank[rank] ??= [])
        peers.push(place)
      }
      for (const place of byRank.flat()) {
        if (wanted-- <= 0) break
        this.#give(place, member)
      }
    }
  }

  /** Evens out what the order of the partitions has led to. Each move makes the loads more alike, so that it ends. */
  balance(): void {
    let hasMoved = true
    while (hasMoved) {
      hasMoved = false
      const loadMin = Math.min(...this.#loads.values())
      for (const place of this.#places) {
        for (const owner of place.owners) {
          if (this.#loads.get(owner)! < loadMin + 2) continue
          const best = this.#bestFor(place)
          if (best === undefined || this.#loads.get(best)! + 1 >= this.#loads.get(owner)!) continue
          place.owners.delete(owner)
          this.#loads.set(owner, this.#loads.get(owner)! - 1)
          this.#give(place, best)
          hasMoved = true
        }
      }
    }
  }

  outcome(): Map<string, Assignment> {
    const assignments = new Map(this.#members.map((member) => [member, new Map<string, number[]>()]))
    for (const { topicId, partition, owners } of this.#places) {
      for (const owner of owners) {
        const topics = assignments.get(owner)!
        const partitions = topics.get(topicId)
        if (partitions === undefined) topics.set(topicId, [partition])
        else partitions.push(partition)
      }
    }
    return assignments
  }

  /** Who does not have the partition and has the least to do; undefined if all have it. */
  #bestFor(place: Place): string | undefined {
    let best: string | undefined
    for (const member of this.#subscribers.get(place.topicId)!) {
      if (place.owners.has(member)) continue
      if (best === undefined || this.#isBetter(member, best, place)) best = member
    }
    return best
  }

  #isBetter(member: string, best: string, place: Place): boolean {
    const difference = this.#loads.get(member)! - this.#loads.get(best)!
    return difference === 0 ? this.#hasNow(member, place) && !this.#hasNow(best, place) : difference < 0
  }

  #hasNow(member: string, { name }: Place): boolean {
    return this.#present.get(member)!.has(name)
  }

  #give(place: Place, member: string): void {
    place.owners.add(member)
    this.#loads.set(member, this.#loads.get(member)! + 1)
  }
}

function placeNames(assignment: Assignment | undefined): ReadonlySet<string> {
  const names = new Set<string>()
  for (const [topicId, partitions] of assignment ?? []) {
    for (const partition of partitions) names.add(placeName(topicId, partition))
  }
  return names
}

function placeName(topicId: string, partition: number): string {
  return `${topicId}:${partition}`
}
