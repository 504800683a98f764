import type { TopicPartition } from '../fetcher.ts'

/**
 * How the leader of a consumer group spreads partitions. `range`: of each topic a run to each member; `round-robin`: one after
 * the other over all topics; `sticky` and `uniform`: evenly over all topics, moving as little as can be; `cooperative-sticky`:
 * the same, but members keep working on what they keep (KIP-429). All members of a group need one in common.
 */
export type AssignorName = 'range' | 'round-robin' | 'sticky' | 'cooperative-sticky' | 'uniform'

/** Names on the wire are those of Java's clients. */
export const protocolNames: Readonly<Record<AssignorName, string>> = {
  range: 'range',
  'round-robin': 'roundrobin',
  sticky: 'sticky',
  'cooperative-sticky': 'cooperative-sticky',
  uniform: 'uniform',
}

export interface Subscriber {
  readonly memberId: string
  readonly topics: readonly string[]
  /** What it holds, and since which generation. */
  readonly owned: readonly TopicPartition[]
  readonly generation: number
}

export type Assignments = Map<string, TopicPartition[]>

/** @param partitionCounts of the topics that exist */
export function assign(
  name: AssignorName,
  subscribers: readonly Subscriber[],
  partitionCounts: ReadonlyMap<string, number>,
): Assignments {
  const sorted = subscribers.toSorted((a, b) => (a.memberId < b.memberId ? -1 : 1))
  if (name === 'range') return byRange(sorted, partitionCounts)
  if (name === 'round-robin') return byTurns(sorted, partitionCounts)
  const assignments = evenly(sorted, partitionCounts)
  return name === 'cooperative-sticky' ? withoutMoves(sorted, assignments) : assignments
}

function byRange(subscribers: readonly Subscriber[], partitionCounts: ReadonlyMap<string, number>): Assignments {
  const assignments = empty(subscribers)
  for (const [topic, count] of partitionCounts) {
    const takers = subscribers.filter(({ topics }) => topics.includes(topic))
    let partition = 0
    for (const [i, { memberId }] of takers.entries()) {
      const length = Math.floor(count / takers.length) + (i < count % takers.length ? 1 : 0)
      for (let k = 0; k < length; k++) assignments.get(memberId)!.push({ topic, partition: partition++ })
    }
  }
  return assignments
}

function byTurns(subscribers: readonly Subscriber[], partitionCounts: ReadonlyMap<string, number>): Assignments {
  const assignments = empty(subscribers)
  let turn = 0
  for (const { topic, partition } of allOf(partitionCounts)) {
    for (let tried = 0; tried < subscribers.length; tried++) {
      const { memberId, topics } = subscribers[turn++ % subscribers.length]!
      if (!topics.includes(topic)) continue
      assignments.get(memberId)!.push({ topic, partition })
      break
    }
  }
  return assignments
}

/**
 * Everyone keeps what is rightly his; what nobody has goes to the one with least; then partitions move from those with more to
 * those with at least two fewer, until there is no such pair. Each move lowers the sum of squares, so that it ends.
 */
function evenly(subscribers: readonly Subscriber[], partitionCounts: ReadonlyMap<string, number>): Assignments {
  const assignments = empty(subscribers)
  const owners = rightfulOwners(subscribers, partitionCounts)
  const partitions = allOf(partitionCounts)
  const load = (memberId: string): number => assignments.get(memberId)!.length
  for (const partition of partitions) {
    const owner = owners.get(keyOf(partition))
    if (owner !== undefined) assignments.get(owner.memberId)!.push(partition)
  }
  const leastLoaded = (topic: string): Subscriber | undefined => {
    let least: Subscriber | undefined
    for (const subscriber of subscribers) {
      if (!subscriber.topics.includes(topic)) continue
      if (least === undefined || load(subscriber.memberId) < load(least.memberId)) least = subscriber
    }
    return least
  }
  for (const partition of partitions) {
    if (!owners.has(keyOf(partition))) assignments.get(leastLoaded(partition.topic)?.memberId ?? '')?.push(partition)
  }
  for (let moved = true; moved; ) {
    moved = false
    for (const { memberId } of subscribers) {
      const held = assignments.get(memberId)!
      for (let i = held.length - 1; i >= 0; i--) {
        const taker = leastLoaded(held[i]!.topic)
        if (taker === undefined || load(taker.memberId) + 1 >= held.length) continue
        assignments.get(taker.memberId)!.push(...held.splice(i, 1))
        moved = true
      }
    }
  }
  return assignments
}

/** Of two that claim a partition, the one of the later generation; of the same generation, the first. */
function rightfulOwners(
  subscribers: readonly Subscriber[],
  partitionCounts: ReadonlyMap<string, number>,
): Map<string, Subscriber> {
  const owners = new Map<string, Subscriber>()
  for (const subscriber of subscribers) {
    for (const partition of subscriber.owned) {
      const count = partitionCounts.get(partition.topic) ?? 0
      if (partition.partition >= count || !subscriber.topics.includes(partition.topic)) continue
      const other = owners.get(keyOf(partition))
      if (other === undefined || other.generation < subscriber.generation) owners.set(keyOf(partition), subscriber)
    }
  }
  return owners
}

/** A partition that moves is left out: its owner gives it up first and joins again, and the next assignment has it. */
function withoutMoves(subscribers: readonly Subscriber[], assignments: Assignments): Assignments {
  const holders = new Map<string, string>()
  for (const { memberId, owned } of subscribers) for (const partition of owned) holders.set(keyOf(partition), memberId)
  for (const [memberId, partitions] of assignments) {
    const kept = partitions.filter((partition) => (holders.get(keyOf(partition)) ?? memberId) === memberId)
    assignments.set(memberId, kept)
  }
  return assignments
}

function empty(subscribers: readonly Subscriber[]): Assignments {
  return new Map(subscribers.map(({ memberId }) => [memberId, []]))
}

function allOf(partitionCounts: ReadonlyMap<string, number>): TopicPartition[] {
  const partitions: TopicPartition[] = []
  for (const [topic, count] of [...partitionCounts].toSorted(([a], [b]) => (a < b ? -1 : 1))) {
    for (let partition = 0; partition < count; partition++) partitions.push({ topic, partition })
  }
  return partitions
}

function keyOf({ topic, partition }: TopicPartition): string {
  return `${topic}/${partition}`
}
