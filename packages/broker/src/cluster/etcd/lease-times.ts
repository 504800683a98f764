import { leaseTtlMsMax } from '../metadata-store.ts'
import type { Lease, LeaseId } from '../metadata-store.ts'

const countMax = 10_000

/** How long the leases live that this process has granted or kept alive. The oldest are forgotten beyond 10,000. */
export class LeaseTimes {
  readonly #ttlsMs = new Map<LeaseId, number>()

  /** Milliseconds; that of the longest lease when it is not known. */
  ttlOf(id: LeaseId): number {
    return this.#ttlsMs.get(id) ?? leaseTtlMsMax
  }

  set({ id, ttlMs }: Lease): void {
    this.#ttlsMs.delete(id)
    this.#ttlsMs.set(id, ttlMs)
    if (this.#ttlsMs.size <= countMax) return
    const [oldest] = this.#ttlsMs.keys()
    this.#ttlsMs.delete(oldest!)
  }

  delete(id: LeaseId): void {
    this.#ttlsMs.delete(id)
  }
}
