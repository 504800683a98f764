/** How much each broker holds or shall hold, counted by what partitions are to become: `removing` replicas are left out. */
export class BrokerLoads {
  readonly #replicas = new Map<number, number>()
  readonly #leaders = new Map<number, number>()
  readonly #arrivals = new Map<number, number>()

  /** Counts a partition with these replicas, the preferred leader first. */
  add(replicas: readonly number[]): void {
    this.#count(replicas, 1)
  }

  remove(replicas: readonly number[]): void {
    this.#count(replicas, -1)
  }

  /** Counts a replica that the broker has begun to fetch. */
  addArrival(brokerId: number): void {
    this.#arrivals.set(brokerId, this.arrivalsOf(brokerId) + 1)
  }

  replicasOf(brokerId: number): number {
    return this.#replicas.get(brokerId) ?? 0
  }

  /** Partitions that prefer this broker as their leader. */
  leadersOf(brokerId: number): number {
    return this.#leaders.get(brokerId) ?? 0
  }

  arrivalsOf(brokerId: number): number {
    return this.#arrivals.get(brokerId) ?? 0
  }

  #count(replicas: readonly number[], by: number): void {
    for (const id of replicas) this.#replicas.set(id, this.replicasOf(id) + by)
    const preferred = replicas[0]
    if (preferred !== undefined) this.#leaders.set(preferred, this.leadersOf(preferred) + by)
  }
}
