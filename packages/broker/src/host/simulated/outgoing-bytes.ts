import { copyOf } from './byte-slab.ts'

interface PendingWrite {
  readonly bytes: Uint8Array
  taken: number
  readonly written: (() => void) | undefined
}

/** What one end has written and the system has not taken yet. */
export class OutgoingBytes {
  readonly #writes: PendingWrite[] = []
  #count = 0

  /** Bytes not taken yet. */
  get count(): number {
    return this.#count
  }

  /** Copies `chunks`, since the writer may change them as soon as they count as written. */
  add(chunks: readonly Uint8Array[], written: (() => void) | undefined): void {
    let total = 0
    for (const chunk of chunks) total += chunk.length
    const bytes = copyOf(chunks, total)
    this.#writes.push({ bytes, taken: 0, written })
    this.#count += bytes.length
  }

  /** Takes up to `max` bytes off the oldest write, and with its last byte reports it as written. */
  take(max: number, written: (callback: () => void) => void): Uint8Array {
    const write = this.#writes[0]
    if (write === undefined) return new Uint8Array(0)
    const bytes = write.bytes.subarray(write.taken, write.taken + max)
    write.taken += bytes.length
    this.#count -= bytes.length
    if (write.taken === write.bytes.length) {
      this.#writes.shift()
      if (write.written !== undefined) written(write.written)
    }
    return bytes
  }

  /** Bytes of the oldest write that are left, undefined when there is no write. */
  oldestCount(): number | undefined {
    const write = this.#writes[0]
    return write === undefined ? undefined : write.bytes.length - write.taken
  }

  /** Throws all away, and reports it as written: nobody will read the chunks any more. */
  drop(written: (callback: () => void) => void): void {
    for (const write of this.#writes.splice(0)) if (write.written !== undefined) written(write.written)
    this.#count = 0
  }
}
