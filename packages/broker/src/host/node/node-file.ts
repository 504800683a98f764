import { closeSync, fdatasync, fstatSync, ftruncateSync, read, readSync, writeSync, writevSync } from 'node:fs'
import type { DiskFile } from '../disk.ts'
import { diskErrorOf } from './node-disk-error.ts'

/** IOV_MAX of Linux and macOS: more buffers in one writev fail with EINVAL. */
const vectorLengthMax = 1024

/** Up to this mean size, copying the pieces together and one write cost no more than a vectored write (measured). */
const pieceBytesCopied = 4096
const stagingBytesMax = 256 * 1024

/** Shared by all files, for a write is over when the call returns. */
let staging: Uint8Array | undefined

/** A file of the machine. Writes are synchronous into the page cache, syncs go through the thread pool. */
export class NodeFile implements DiskFile {
  readonly path: string
  #descriptor: number

  constructor(path: string, descriptor: number) {
    this.path = path
    this.#descriptor = descriptor
  }

  size(): number {
    return this.#attempt(() => fstatSync(this.#descriptor).size)
  }

  write(chunks: readonly Uint8Array[], position: number): void {
    checkPosition(position)
    try {
      if (chunks.length === 1) this.#writeOne(chunks[0]!, position)
      else if (chunks.length > 1) this.#writeMany(chunks, position)
    } catch (error) {
      throw diskErrorOf(error, this.path)
    }
  }

  readNow(target: Uint8Array, position: number): number {
    checkPosition(position)
    return this.#attempt(() => {
      let filled = 0
      while (filled < target.length) {
        const count = readSync(this.#descriptor, target, filled, target.length - filled, position + filled)
        if (count === 0) break
        filled += count
      }
      return filled
    })
  }

  read(target: Uint8Array, position: number): Promise<number> {
    checkPosition(position)
    return new Promise((resolve, reject) => {
      let filled = 0
      const next = (): void => {
        if (filled === target.length) return resolve(filled)
        read(this.#descriptor, target, filled, target.length - filled, position + filled, (error, count) => {
          if (error !== null) return reject(diskErrorOf(error, this.path))
          if (count === 0) return resolve(filled)
          filled += count
          next()
        })
      }
      next()
    })
  }

  truncate(size: number): void {
    checkPosition(size)
    this.#attempt(() => ftruncateSync(this.#descriptor, size))
  }

  sync(): Promise<void> {
    return new Promise((resolve, reject) => {
      fdatasync(this.#descriptor, (error) => {
        if (error === null) resolve()
        else reject(diskErrorOf(error, this.path))
      })
    })
  }

  close(): void {
    if (this.#descriptor === -1) return
    const descriptor = this.#descriptor
    // The number may be given to another file at once; forgetting it first makes a late call fail instead of hit that file.
    this.#descriptor = -1
    this.#attempt(() => closeSync(descriptor))
  }

  #writeOne(chunk: Uint8Array, position: number): void {
    let written = 0
    while (written < chunk.length) {
      written += writeSync(this.#descriptor, chunk, written, chunk.length - written, position + written)
    }
  }

  #writeMany(chunks: readonly Uint8Array[], position: number): void {
    let total = 0
    for (const chunk of chunks) total += chunk.length
    if (total <= stagingBytesMax && total <= chunks.length * pieceBytesCopied) {
      staging ??= new Uint8Array(stagingBytesMax)
      let filled = 0
      for (const chunk of chunks) {
        staging.set(chunk, filled)
        filled += chunk.length
      }
      this.#writeOne(staging.subarray(0, filled), position)
      return
    }
    for (let from = 0; from < chunks.length; from += vectorLengthMax) {
      position += this.#writeVector(chunks.slice(from, from + vectorLengthMax), position)
    }
  }

  /** Writes at most `vectorLengthMax` chunks; after a short write the rest goes out piece by piece. Returns the bytes. */
  #writeVector(chunks: readonly Uint8Array[], position: number): number {
    const written = writevSync(this.#descriptor, chunks, position)
    let end = 0
    for (const chunk of chunks) {
      const start = end
      end += chunk.length
      if (end > written)
        this.#writeOne(chunk.subarray(Math.max(0, written - start)), position + Math.max(start, written))
    }
    return end
  }

  #attempt<T>(operation: () => T): T {
    try {
      return operation()
    } catch (error) {
      throw diskErrorOf(error, this.path)
    }
  }
}

function checkPosition(position: number): void {
  if (!Number.isSafeInteger(position) || position < 0) throw new RangeError(`file position ${position}`)
}
