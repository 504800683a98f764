import {
  baseOffsetOf,
  baseSequenceOf,
  lastOffsetDeltaOf,
  lastSequenceOf,
  maxTimestampOf,
  producerEpochOf,
  producerIdOf,
} from '../record/batch.ts'

/** Batches kept per producer: a client has at most five requests in flight per connection (KIP-98). */
const batchesMax = 5

export interface ProducerBatch {
  firstSequence: number
  lastSequence: number
  baseOffset: number
  lastOffset: number
}

export interface ProducerEntry {
  producerId: number
  epoch: number
  lastTimestampMs: number
  /** Oldest first. */
  batches: ProducerBatch[]
  /** True if the log is known to have no older batches of this producer and epoch. */
  complete: boolean
}

/** What a batch of an idempotent producer is, seen from what came before. */
export type SequenceVerdict =
  | { kind: 'next' }
  | { kind: 'duplicate'; batch: ProducerBatch }
  | { kind: 'fault'; code: 'out-of-order-sequence' | 'invalid-producer-epoch' | 'duplicate-sequence'; detail: string }

const next: SequenceVerdict = { kind: 'next' }

/** As stored in the checkpoint: [id, epoch, timestamp, [[first sequence, last sequence, base offset, last offset], …]]. */
export type StoredProducer = [number, number, number, [number, number, number, number][]]

/** Idempotent producers of one log: last epoch and batches of each, to tell the next batch from a repeated one (KIP-98). */
export class ProducerState {
  readonly #producers = new Map<number, ProducerEntry>()

  get size(): number {
    return this.#producers.size
  }

  entries(): IterableIterator<ProducerEntry> {
    return this.#producers.values()
  }

  /** Judges the batch at the start of `batch`, which has a producer id, before it is appended. */
  judge(batch: Uint8Array): SequenceVerdict {
    const entry = this.#producers.get(producerIdOf(batch, 0))
    const epoch = producerEpochOf(batch, 0)
    const first = baseSequenceOf(batch, 0)
    // Nothing known: the state expired or its records were deleted. Any start is accepted (KAFKA-5793, KIP-360).
    if (!entry) return next
    if (epoch < entry.epoch) {
      return fault('invalid-producer-epoch', `producer epoch ${epoch} is older than ${entry.epoch}`)
    }
    if (epoch > entry.epoch) {
      return first === 0 ? next : fault('out-of-order-sequence', `a new epoch starts at sequence 0, not ${first}`)
    }
    const last = lastSequenceOf(batch, 0)
    for (const known of entry.batches) {
      if (known.firstSequence === first && known.lastSequence === last) return { kind: 'duplicate', batch: known }
    }
    const previous = entry.batches.at(-1)
    if (!previous) return next
    const expected = previous.lastSequence === 2147483647 ? 0 : previous.lastSequence + 1
    if (first === expected) return next
    const oldest = entry.batches[0]!
    if (last < oldest.firstSequence && oldest.firstSequence - last < 1_000_000) {
      return fault('duplicate-sequence', `sequence ${first} is older than the last ${batchesMax} batches`)
    }
    return fault('out-of-order-sequence', `sequence ${first} came, ${expected} is next`)
  }

  /** Notes a batch that has its offset. Harmless for one that was noted before, as recovery does. */
  apply(bytes: Uint8Array, at: number): void {
    const producerId = producerIdOf(bytes, at)
    const baseOffset = baseOffsetOf(bytes, at)
    const epoch = producerEpochOf(bytes, at)
    let entry = this.#producers.get(producerId)
    if (entry && entry.batches.length > 0 && entry.batches.at(-1)!.lastOffset >= baseOffset) return
    if (!entry) {
      entry = { producerId, epoch, lastTimestampMs: 0, batches: [], complete: true }
      this.#producers.set(producerId, entry)
    } else if (epoch !== entry.epoch) {
      entry.epoch = epoch
      entry.batches = []
      entry.complete = false
    }
    entry.lastTimestampMs = maxTimestampOf(bytes, at)
    entry.batches.push(batchOf(bytes, at))
    if (entry.batches.length <= batchesMax) return
    entry.batches.shift()
    entry.complete = false
  }

  /**
   * Takes up a batch of a producer that is older than all that are known of it: newest first, after `truncateEnd`.
   * @returns false once older ones do not matter
   */
  applyOlder(bytes: Uint8Array, at: number): boolean {
    const producerId = producerIdOf(bytes, at)
    const epoch = producerEpochOf(bytes, at)
    let entry = this.#producers.get(producerId)
    if (!entry) {
      entry = { producerId, epoch, lastTimestampMs: maxTimestampOf(bytes, at), batches: [], complete: false }
      this.#producers.set(producerId, entry)
    }
    if (entry.epoch !== epoch) return false
    const batch = batchOf(bytes, at)
    const oldest = entry.batches[0]
    if (entry.batches.length < batchesMax && (!oldest || batch.lastOffset < oldest.baseOffset)) {
      entry.batches.unshift(batch)
    }
    return entry.batches.length < batchesMax
  }

  /**
   * Drops batches at or behind `endOffset`: they were cut off, or a crash lost them before anyone was told.
   * @returns producers of which the log may have older batches that should be known now
   */
  truncateEnd(endOffset: number): number[] {
    const incomplete: number[] = []
    for (const entry of this.#producers.values()) {
      const left = entry.batches.filter((batch) => batch.lastOffset < endOffset)
      if (left.length === entry.batches.length) continue
      if (!entry.complete) incomplete.push(entry.producerId)
      entry.batches = left
      if (left.length === 0) this.#producers.delete(entry.producerId)
    }
    return incomplete
  }

  copy(): ProducerState {
    const copy = new ProducerState()
    for (const [id, entry] of this.#producers) copy.#producers.set(id, { ...entry, batches: [...entry.batches] })
    return copy
  }

  /** Forgets producers that wrote nothing since `timestampMs`. */
  expireBefore(timestampMs: number): void {
    for (const entry of this.#producers.values()) {
      if (entry.lastTimestampMs < timestampMs) this.#producers.delete(entry.producerId)
    }
  }

  store(): StoredProducer[] {
    return [...this.#producers.values()].map((entry) => [
      entry.producerId,
      entry.epoch,
      entry.lastTimestampMs,
      entry.batches.map((b) => [b.firstSequence, b.lastSequence, b.baseOffset, b.lastOffset]),
    ])
  }

  static restore(stored: readonly StoredProducer[]): ProducerState {
    const state = new ProducerState()
    for (const [producerId, epoch, lastTimestampMs, batches] of stored) {
      state.#producers.set(producerId, {
        producerId,
        epoch,
        lastTimestampMs,
        batches: batches.map(([firstSequence, lastSequence, baseOffset, lastOffset]) => ({
          firstSequence,
          lastSequence,
          baseOffset,
          lastOffset,
        })),
        complete: false,
      })
    }
    return state
  }
}

function batchOf(bytes: Uint8Array, at: number): ProducerBatch {
  const baseOffset = baseOffsetOf(bytes, at)
  return {
    firstSequence: baseSequenceOf(bytes, at),
    lastSequence: lastSequenceOf(bytes, at),
    baseOffset,
    lastOffset: baseOffset + lastOffsetDeltaOf(bytes, at),
  }
}

function fault(
  code: 'out-of-order-sequence' | 'invalid-producer-epoch' | 'duplicate-sequence',
  detail: string,
): SequenceVerdict {
  return { kind: 'fault', code, detail }
}
