import type { Delivery } from './delivery.ts'

/** The messages that are lent to a consumer, by partition and offset. */
export class HeldMessages {
  readonly #byPartition = new Map<string, Map<number, Delivery>>()
  #size = 0

  get size(): number {
    return this.#size
  }

  /** The one with the same place, this or an earlier one. */
  sameAs({ key, record }: Delivery): Delivery | undefined {
    return this.#byPartition.get(key)?.get(record.offset)
  }

  /** Takes the place of one with the same. */
  put(delivery: Delivery): void {
    const { key, record } = delivery
    let held = this.#byPartition.get(key)
    if (held === undefined) {
      held = new Map()
      this.#byPartition.set(key, held)
    }
    const sizeBefore = held.size
    held.set(record.offset, delivery)
    this.#size += held.size - sizeBefore
  }

  delete({ key, record }: Delivery): void {
    if (this.#byPartition.get(key)?.delete(record.offset) === true) this.#size--
  }

  *values(): Iterable<Delivery> {
    for (const held of this.#byPartition.values()) yield* held.values()
  }
}
