import type { AppendFault } from './partition.ts'

type Callback = (fault: AppendFault | undefined) => void

/** Producers that wait for the high watermark, in offset order: appends come in that order, so a queue is enough. */
export class CommitWaiters {
  #offsets: number[] = []
  #callbacks: Callback[] = []
  #head = 0

  /** Waits for `endOffset`. Duplicates of earlier batches may come out of order; they are put in their place. */
  add(endOffset: number, callback: Callback): void {
    let at = this.#offsets.length
    while (at > this.#head && this.#offsets[at - 1]! > endOffset) at--
    if (at === this.#offsets.length) {
      this.#offsets.push(endOffset)
      this.#callbacks.push(callback)
    } else {
      this.#offsets.splice(at, 0, endOffset)
      this.#callbacks.splice(at, 0, callback)
    }
  }

  /** Calls back everyone who waits for an offset up to `highWatermark`. */
  release(highWatermark: number): void {
    while (this.#head < this.#offsets.length && this.#offsets[this.#head]! <= highWatermark) {
      // The place is given up before the call: a callback may append, wait and be called again from here.
      const callback = this.#callbacks[this.#head]!
      this.#head++
      callback(undefined)
    }
    this.#compact()
  }

  /** Calls everyone back with a fault. */
  fail(fault: AppendFault): void {
    const waiting = this.#callbacks.slice(this.#head)
    this.#offsets = []
    this.#callbacks = []
    this.#head = 0
    for (const callback of waiting) callback(fault)
  }

  #compact(): void {
    if (this.#head === this.#offsets.length) {
      this.#offsets.length = 0
      this.#callbacks.length = 0
      this.#head = 0
    } else if (this.#head > 4096) {
      this.#offsets = this.#offsets.slice(this.#head)
      this.#callbacks = this.#callbacks.slice(this.#head)
      this.#head = 0
    }
  }
}
