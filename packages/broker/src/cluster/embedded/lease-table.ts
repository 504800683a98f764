import type { LeaseId } from '../metadata-store.ts'

/** The leases that exist, with their time to live in milliseconds. Ids are never given twice. */
export class LeaseTable {
  readonly #ttls = new Map<LeaseId, number>()
  #next: bigint

  constructor(next = 1n) {
    this.#next = next
  }

  /** The number after the highest id ever granted. */
  get next(): bigint {
    return this.#next
  }

  get size(): number {
    return this.#ttls.size
  }

  has(id: LeaseId): boolean {
    return this.#ttls.has(id)
  }

  ttlOf(id: LeaseId): number | undefined {
    return this.#ttls.get(id)
  }

  entries(): Iterable<[LeaseId, number]> {
    return this.#ttls.entries()
  }

  /** A fresh id; it stays unused if its grant fails. */
  allocate(): LeaseId {
    const id = String(this.#next) as LeaseId
    this.#next++
    return id
  }

  add(id: LeaseId, ttlMs: number): void {
    this.#ttls.set(id, ttlMs)
    if (BigInt(id) >= this.#next) this.#next = BigInt(id) + 1n
  }

  remove(id: LeaseId): void {
    this.#ttls.delete(id)
  }
}
