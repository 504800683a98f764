import type { Partition } from '../../topic/partition.ts'
import type { FetchEntry } from './fetch-entry.ts'

interface Watched {
  readonly partition: Partition
  readonly stop: () => void
}

/**
 * What a follower's session knows of its partitions from one request to the next: which of them may have something to
 * tell. So a request costs what has changed, and not ten thousand partitions each time anew.
 */
export class SessionWatch {
  /** Entries that have to be looked at; a partition that cannot be watched is always among them. */
  readonly news: Set<FetchEntry>
  /** Monotonic time at which the partitions without news were told that the follower is where it was. */
  notedAtMs = -Infinity
  readonly #watched = new Map<FetchEntry, Watched>()
  #wake: (() => void) | undefined

  constructor(entries: Iterable<FetchEntry>) {
    this.news = new Set(entries)
  }

  /** The partition that an entry without news was found to be about. */
  partitionOf(entry: FetchEntry): Partition | undefined {
    return this.#watched.get(entry)?.partition
  }

  watch(entry: FetchEntry, partition: Partition): void {
    const present = this.#watched.get(entry)
    if (present?.partition === partition) return
    present?.stop()
    const stop = partition.onReplicaAdvance(() => {
      this.news.add(entry)
      this.#wake?.()
    })
    this.#watched.set(entry, { partition, stop })
  }

  forget(entry: FetchEntry): void {
    this.news.delete(entry)
    this.#watched.get(entry)?.stop()
    this.#watched.delete(entry)
  }

  /** There was nothing to tell. */
  settle(entry: FetchEntry): void {
    if (this.#watched.has(entry)) this.news.delete(entry)
  }

  /** Calls `listener` when there may be news; returns what ends that. One at a time. */
  listen(listener: () => void): () => void {
    this.#wake = listener
    return () => {
      this.#wake = undefined
    }
  }

  close(): void {
    for (const { stop } of this.#watched.values()) stop()
    this.#watched.clear()
    this.news.clear()
    this.#wake = undefined
  }
}
