/** What is needed of a connection that has not logged in yet. */
export interface Newcomer {
  readonly remote: { readonly host: string }
  /** Closes it at once. */
  destroy(): void
}

export interface NewcomerLimits {
  readonly countMax: number
  readonly countPerAddressMax: number
  readonly timeoutMs: number
}

/**
 * The connections that have not logged in yet, within limits. When there are too many, the oldest makes room: an honest
 * client needs milliseconds for its login and so is not among them, while one that is refused could never get in.
 */
export class Newcomers<C extends Newcomer> {
  readonly #limits: NewcomerLimits
  /** With the time at which they came; the oldest first. */
  readonly #all = new Map<C, number>()
  readonly #byAddress = new Map<string, Set<C>>()
  /** Connections closed so far because their place or their time was needed for others. */
  closedCount = 0

  constructor(limits: NewcomerLimits) {
    this.#limits = limits
  }

  get count(): number {
    return this.#all.size
  }

  /** @param nowMs monotonic, never less than before */
  add(connection: C, nowMs: number): void {
    const { host } = connection.remote
    const fromThere = this.#byAddress.get(host) ?? new Set<C>()
    if (fromThere.size >= this.#limits.countPerAddressMax) this.#close(first(fromThere))
    else if (this.#all.size >= this.#limits.countMax) this.closeOldest()
    this.#all.set(connection, nowMs)
    // The set may have been dropped just now, when its last connection went.
    this.#byAddress.set(host, fromThere.add(connection))
  }

  /** It has logged in, or is closed. */
  remove(connection: C): void {
    if (!this.#all.delete(connection)) return
    const { host } = connection.remote
    const fromThere = this.#byAddress.get(host)!
    fromThere.delete(connection)
    if (fromThere.size === 0) this.#byAddress.delete(host)
  }

  /** Makes room for somebody else. Returns whether there was anybody to close. */
  closeOldest(): boolean {
    if (this.#all.size === 0) return false
    this.#close(first(this.#all.keys()))
    return true
  }

  /** Makes room for somebody else from this address. Returns whether there was anybody to close. */
  closeOldestFrom(host: string): boolean {
    const fromThere = this.#byAddress.get(host)
    if (fromThere === undefined) return false
    this.#close(first(fromThere))
    return true
  }

  /** Closes those whose time is up. */
  closeLate(nowMs: number): void {
    for (const [connection, cameAtMs] of this.#all) {
      if (nowMs - cameAtMs < this.#limits.timeoutMs) return
      this.#close(connection)
    }
  }

  #close(connection: C): void {
    this.closedCount++
    this.remove(connection)
    connection.destroy()
  }
}

function first<T>(items: Iterable<T>): T {
  for (const item of items) return item
  throw new Error('invariant broken: nothing there')
}
