import { assert } from '../errors/errors.ts'

/** A committed position. */
export interface CommittedOffset {
  offset: number
  /** -1 if unknown. */
  leaderEpoch: number
  metadata: string
  commitTimestampMs: number
  /** Set only on positions written in an old format that gave each its own expiry; -1 otherwise. */
  expireTimestampMs: number
}

export interface TopicPartition {
  topic: string
  partition: number
}

interface Entry {
  /** What the log is known to hold durably, null for nothing. */
  committed: CommittedOffset | null
  /** Order number of the write that `committed` comes from. */
  sequence: number
  /** Writes under way. */
  pendingCount: number
}

/**
 * The committed offsets of one group. A write is announced, and takes effect when the log has it: nothing that a crash
 * could take back is ever shown. Writes are numbered when announced, in the order in which they go to the log, so that
 * a write that is reported durable late does not undo a later one.
 */
export class OffsetTable {
  readonly #topics = new Map<string, Map<number, Entry>>()
  #size = 0
  #sequence = 0

  /** Partitions with a committed offset or one on its way. */
  get size(): number {
    return this.#size
  }

  find(topic: string, partition: number): CommittedOffset | null {
    return this.#topics.get(topic)?.get(partition)?.committed ?? null
  }

  has(topic: string, partition: number): boolean {
    return this.#topics.get(topic)?.has(partition) ?? false
  }

  /** Everything committed, by topic. */
  *committed(): Generator<TopicPartition & { value: CommittedOffset; writing: boolean }> {
    for (const [topic, partitions] of this.#topics) {
      for (const [partition, { committed, pendingCount }] of partitions) {
        if (committed !== null) yield { topic, partition, value: committed, writing: pendingCount > 0 }
      }
    }
  }

  /** All partitions known, including those whose first commit is still on its way; of one topic if named. */
  partitions(topic?: string): TopicPartition[] {
    const found: TopicPartition[] = []
    for (const [name, partitions] of this.#topics) {
      if (topic !== undefined && name !== topic) continue
      for (const partition of partitions.keys()) found.push({ topic: name, partition })
    }
    return found
  }

  /** Puts in what was read from the log. */
  load(topic: string, partition: number, value: CommittedOffset): void {
    this.#entry(topic, partition).committed = value
  }

  /** Announces a write that is given to the log now; returns its order number. */
  begin(topic: string, partition: number): number {
    this.#entry(topic, partition).pendingCount++
    return ++this.#sequence
  }

  /** The write is durable; a null value is a deletion. */
  complete(topic: string, partition: number, sequence: number, value: CommittedOffset | null): void {
    const entry = this.#pendingEntry(topic, partition)
    if (sequence > entry.sequence) {
      entry.sequence = sequence
      entry.committed = value
    }
    this.#dropIfEmpty(topic, partition, entry)
  }

  /** The write failed: what was committed before stays in force. */
  fail(topic: string, partition: number): void {
    this.#dropIfEmpty(topic, partition, this.#pendingEntry(topic, partition))
  }

  #pendingEntry(topic: string, partition: number): Entry {
    const entry = this.#topics.get(topic)?.get(partition)
    assert(entry !== undefined && entry.pendingCount > 0, 'only an announced offset write can end')
    entry.pendingCount--
    return entry
  }

  #entry(topic: string, partition: number): Entry {
    let partitions = this.#topics.get(topic)
    if (partitions === undefined) {
      partitions = new Map()
      this.#topics.set(topic, partitions)
    }
    let entry = partitions.get(partition)
    if (entry === undefined) {
      entry = { committed: null, sequence: 0, pendingCount: 0 }
      partitions.set(partition, entry)
      this.#size++
    }
    return entry
  }

  #dropIfEmpty(topic: string, partition: number, entry: Entry): void {
    if (entry.committed !== null || entry.pendingCount > 0) return
    const partitions = this.#topics.get(topic)!
    partitions.delete(partition)
    this.#size--
    if (partitions.size === 0) this.#topics.delete(topic)
  }
}
