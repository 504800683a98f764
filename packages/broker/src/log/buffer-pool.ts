const classBitsMin = 16
const classBitsMax = 22

/**
 * Buffers for reads from disk, in sizes of powers of two from 64 KiB to 4 MiB. A fresh buffer per answer costs 30-64 %
 * of the fetch rate (docs/adr/0003).
 */
export class BufferPool {
  readonly #free: Buffer[][] = []
  readonly #bytesMax: number
  #freeBytes = 0

  /** @param bytesMax how much idle memory is kept */
  constructor(bytesMax: number) {
    this.#bytesMax = bytesMax
    for (let bits = classBitsMin; bits <= classBitsMax; bits++) this.#free.push([])
  }

  /** A buffer of at least `bytes`, with whatever contents. */
  take(bytes: number): Buffer {
    const index = classIndex(bytes)
    const list = this.#free[index]
    if (!list) return Buffer.allocUnsafeSlow(bytes)
    const buffer = list.pop()
    if (!buffer) return Buffer.allocUnsafeSlow(1 << (index + classBitsMin))
    this.#freeBytes -= buffer.length
    return buffer
  }

  /** Returns a buffer that nobody looks at any more. */
  give(buffer: Buffer): void {
    const list = this.#free[classIndex(buffer.length)]
    if (!list || buffer.length !== 1 << (classIndex(buffer.length) + classBitsMin)) return
    if (this.#freeBytes + buffer.length > this.#bytesMax) return
    this.#freeBytes += buffer.length
    list.push(buffer)
  }
}

function classIndex(bytes: number): number {
  return Math.max(32 - Math.clz32(Math.max(bytes - 1, 0)) - classBitsMin, 0)
}
