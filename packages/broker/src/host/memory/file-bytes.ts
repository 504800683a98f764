const blockBytes = 64 * 1024
const firstBlockBytesMin = 1024

/**
 * The content of one file in memory: blocks of 64 KiB, so that growing never copies what is there. Only the first block
 * grows by doubling, for most files of a test are tiny. Blocks never written take no memory and read as zeroes.
 */
export class FileBytes {
  #size = 0
  readonly #blocks: (Uint8Array | undefined)[] = []

  get size(): number {
    return this.#size
  }

  write(bytes: Uint8Array, position: number): void {
    checkPosition(position)
    let done = 0
    while (done < bytes.length) {
      const index = Math.floor((position + done) / blockBytes)
      const offset = (position + done) % blockBytes
      const count = Math.min(bytes.length - done, blockBytes - offset)
      const piece = bytes.subarray(done, done + count)
      // Room that is made ahead, as for a journal: what reads as zeroes anyway is not kept.
      if (this.#blocks[index] !== undefined || !isZero(piece)) this.#block(index, offset + count).set(piece, offset)
      done += count
    }
    if (bytes.length > 0) this.#size = Math.max(this.#size, position + bytes.length)
  }

  /** Fills `target` from `position`; returns the bytes read, fewer than asked only at the end. */
  read(target: Uint8Array, position: number): number {
    checkPosition(position)
    const total = Math.max(0, Math.min(target.length, this.#size - position))
    let done = 0
    while (done < total) {
      const offset = (position + done) % blockBytes
      const count = Math.min(total - done, blockBytes - offset)
      const block = this.#blocks[Math.floor((position + done) / blockBytes)]
      const stored = block === undefined ? 0 : Math.max(0, Math.min(count, block.length - offset))
      if (stored > 0) target.set(block!.subarray(offset, offset + stored), done)
      target.fill(0, done + stored, done + count)
      done += count
    }
    return total
  }

  /** Cuts, or extends with zeroes. */
  truncate(size: number): void {
    checkPosition(size)
    if (size < this.#size) {
      const blockCount = Math.ceil(size / blockBytes)
      if (this.#blocks.length > blockCount) this.#blocks.length = blockCount
      // What is cut off must read as zeroes if the file grows again.
      if (size % blockBytes > 0) this.#blocks[blockCount - 1]?.fill(0, size % blockBytes)
    }
    this.#size = size
  }

  copy(): FileBytes {
    const copy = new FileBytes()
    copy.become(this)
    return copy
  }

  /** Holds what `other` holds from now on, and nothing else. */
  become(other: FileBytes): void {
    this.#size = other.#size
    this.#blocks.length = 0
    for (const block of other.#blocks) this.#blocks.push(block?.slice())
  }

  /** All of it in one array; for tests and traces of small files. */
  toArray(): Uint8Array {
    const all = new Uint8Array(this.#size)
    this.read(all, 0)
    return all
  }

  #block(index: number, end: number): Uint8Array {
    let block = this.#blocks[index]
    if (block !== undefined && block.length >= end) return block
    let length = blockBytes
    if (index === 0) length = Math.min(blockBytes, Math.max(firstBlockBytesMin, 2 ** Math.ceil(Math.log2(end))))
    const grown = new Uint8Array(length)
    if (block !== undefined) grown.set(block)
    block = grown
    while (this.#blocks.length < index) this.#blocks.push(undefined)
    this.#blocks[index] = block
    return block
  }
}

const zeroes = new Uint8Array(blockBytes)

/** For pieces of at most a block. */
function isZero(bytes: Uint8Array): boolean {
  if (bytes[0] !== 0) return bytes.length === 0
  return Buffer.compare(bytes, zeroes.subarray(0, bytes.length)) === 0
}

/** A wrong position is a bug of the caller, never a failure of the disk. */
export function checkPosition(position: number): void {
  if (!Number.isSafeInteger(position) || position < 0) throw new RangeError(`file position ${position}`)
}
