/**
 * Spreads preferred leaders evenly by changing which replica comes first, replicas staying where they are. A partition is
 * handed from the broker with most towards one with at least two fewer, if need be through others in between (an
 * augmenting path), so that the result is as even as the replicas allow.
 * @param targets replicas by partition, the preferred leader first; changed in place
 * @param leaders preferred leaderships of each broker, those of other partitions included; changed in place
 * @param brokers between which leaderships are spread
 * @param changeCountMax most partitions to change
 * @returns the places in `targets` that changed
 */
export function spreadLeaders(
  targets: (readonly number[])[],
  leaders: Map<number, number>,
  brokers: readonly number[],
  changeCountMax: number,
): ReadonlySet<number> {
  const offers = new Offers(targets, new Set(brokers))
  const changed = new Set<number>()
  while (changed.size < changeCountMax) {
    const path = findPath(offers, leaders, brokers)
    if (path === undefined) break
    for (let i = 0; i + 1 < path.length; i++) {
      const from = path[i]!
      const to = path[i + 1]!
      changed.add(offers.hand(from, to))
      leaders.set(from, (leaders.get(from) ?? 0) - 1)
      leaders.set(to, (leaders.get(to) ?? 0) + 1)
    }
  }
  return changed
}

/** From a broker with many leaderships, the fullest first, to one with at least two fewer. */
function findPath(
  offers: Offers,
  leaders: ReadonlyMap<number, number>,
  brokers: readonly number[],
): readonly number[] | undefined {
  const countOf = (id: number): number => leaders.get(id) ?? 0
  const sorted = brokers.toSorted((left, right) => countOf(right) - countOf(left) || left - right)
  const least = countOf(sorted.at(-1) ?? -1)
  for (const from of sorted) {
    if (countOf(from) - least < 2) return undefined
    const before = new Map<number, number>([[from, from]])
    for (const at of before.keys()) {
      if (countOf(from) - countOf(at) >= 2) return trace(before, at)
      for (const next of offers.from(at)) if (!before.has(next)) before.set(next, at)
    }
  }
  return undefined
}

function trace(before: ReadonlyMap<number, number>, end: number): readonly number[] {
  const path = [end]
  for (let at = end; before.get(at) !== at; at = before.get(at)!) path.unshift(before.get(at)!)
  return path
}

/** Which partitions a broker that is preferred could hand to whom. */
class Offers {
  readonly #targets: (readonly number[])[]
  readonly #brokers: ReadonlySet<number>
  readonly #byPair = new Map<number, Map<number, Set<number>>>()

  constructor(targets: (readonly number[])[], brokers: ReadonlySet<number>) {
    this.#targets = targets
    this.#brokers = brokers
    for (const place of targets.keys()) this.#add(place)
  }

  *from(broker: number): Iterable<number> {
    for (const [to, places] of this.#byPair.get(broker) ?? []) if (places.size > 0) yield to
  }

  hand(from: number, to: number): number {
    const [place] = this.#byPair.get(from)!.get(to)!
    const target = this.#targets[place!]!
    for (const places of this.#byPair.get(from)!.values()) places.delete(place!)
    this.#targets[place!] = target.map((id) => (id === from ? to : id === to ? from : id))
    this.#add(place!)
    return place!
  }

  #add(place: number): void {
    const [from, ...others] = this.#targets[place]!
    if (!this.#brokers.has(from!)) return
    const byTo = this.#byPair.get(from!) ?? new Map<number, Set<number>>()
    this.#byPair.set(from!, byTo)
    for (const to of others) {
      if (!this.#brokers.has(to)) continue
      const places = byTo.get(to) ?? new Set<number>()
      byTo.set(to, places.add(place))
    }
  }
}
