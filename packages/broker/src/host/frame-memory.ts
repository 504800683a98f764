/** What a returned buffer is filled with while poisoning is on: no batch and no number in it looks like a real one. */
const poisonByte = 0xdb

/** Up to this many steps lie between one power of two and the next, so at most a fifth of a buffer is not used. */
const stepsPerDoubling = 4
const capacityMin = 64 * 1024

/**
 * The memory of one large received frame, and the number of those who still look at it: the request, each log that keeps a
 * batch of it, each read under way. When the last lets go it returns to the pool. A holder that forgets to let go costs a
 * fresh buffer, nothing else: what nobody refers to is collected as garbage.
 */
export class FrameMemory {
  readonly bytes: Buffer
  readonly #pool: FramePool
  #holderCount = 1

  /** For {@link FramePool} only. */
  constructor(pool: FramePool, bytes: Buffer) {
    this.#pool = pool
    this.bytes = bytes
  }

  /** One more looks at it. */
  hold(): void {
    if (this.#holderCount === 0) throw new Error('invariant broken: memory of a frame is used after its return')
    this.#holderCount++
  }

  /** One less looks at it. */
  letGo(): void {
    if (this.#holderCount === 0) throw new Error('invariant broken: memory of a frame is returned twice')
    this.#holderCount--
    if (this.#holderCount === 0) this.#pool.giveBack(this.bytes)
  }
}

/**
 * Whether the memory under given bytes may be kept. False: it will be written to, copy. True: it stays as it is for ever.
 * Else it stays for as long as it is held.
 */
export type Ownership = boolean | FrameMemory

/**
 * Buffers for large frames. A fresh one costs 0.5 to 0.9 ms per MB for its first touch where a virtual machine gets its
 * memory page by page, and brings the next full garbage collection nearer.
 */
export class FramePool {
  readonly #idleBytesMax: number
  readonly #poisoned: boolean
  readonly #idle = new Map<number, Buffer[]>()
  #idleBytes = 0

  /**
   * @param idleBytesMax how much memory is kept while nobody uses it
   * @param poisoned overwrites what is returned, so that tests find whoever still reads it
   */
  constructor(idleBytesMax: number, poisoned: boolean) {
    this.#idleBytesMax = idleBytesMax
    this.#poisoned = poisoned
  }

  /** Bytes that wait for their next use. */
  get idleBytes(): number {
    return this.#idleBytes
  }

  /** Memory for `bytes` that was used before; undefined if there is none. Costs no memory that is not taken already. */
  takeUsed(bytes: number): FrameMemory | undefined {
    const buffer = this.#idle.get(capacityFor(bytes))?.pop()
    if (buffer === undefined) return undefined
    this.#idleBytes -= buffer.length
    return new FrameMemory(this, buffer)
  }

  /** New memory for `bytes`. */
  make(bytes: number): FrameMemory {
    return new FrameMemory(this, Buffer.allocUnsafeSlow(capacityFor(bytes)))
  }

  /** For {@link FrameMemory} only. */
  giveBack(buffer: Buffer): void {
    if (this.#poisoned) buffer.fill(poisonByte)
    if (this.#idleBytes + buffer.length > this.#idleBytesMax) return
    this.#idleBytes += buffer.length
    const list = this.#idle.get(buffer.length)
    if (list === undefined) this.#idle.set(buffer.length, [buffer])
    else list.push(buffer)
  }
}

function capacityFor(bytes: number): number {
  const doubling = 2 ** Math.floor(Math.log2(Math.max(bytes, capacityMin)))
  const step = doubling / stepsPerDoubling
  return Math.max(Math.ceil(bytes / step) * step, capacityMin)
}
