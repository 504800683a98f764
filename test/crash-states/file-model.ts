/** The unit a device writes whole or not at all. */
const sectorBytes = 512

export type FileChange = { kind: 'write'; position: number; bytes: Uint8Array } | { kind: 'truncate'; size: number }

/**
 * How many of a file's pending changes each sector has seen, and how many its size has. 0 is what was synced,
 * `pending.length` is everything.
 */
export interface FileFate {
  sector: (sector: number) => number
  size: number
}

/** One file of the trace: what a sync has made durable, and the changes since, any of which a crash may undo. */
export class FileModel {
  readonly id: number
  #durable: Uint8Array = new Uint8Array(0)
  /** How many changes have been made durable in all: names the state of `durable` in a fingerprint. */
  #committed = 0
  #pending: FileChange[] = []

  constructor(id: number) {
    this.id = id
  }

  get pending(): readonly FileChange[] {
    return this.#pending
  }

  /** Tells this durable content from that of other moments. */
  get version(): number {
    return this.#committed
  }

  add(change: FileChange): void {
    this.#pending.push(change)
  }

  /** What a sync that begins now covers. */
  mark(): number {
    return this.#committed + this.#pending.length
  }

  /** A sync begun at `mark` has ended well. */
  commit(mark: number): void {
    const count = mark - this.#committed
    if (count <= 0) return
    this.#durable = contentAfter(this.#durable, this.#pending.slice(0, count), everything(count))
    this.#pending = this.#pending.slice(count)
    this.#committed = mark
  }

  /** What the device holds after a crash with this fate. Must not be written to. */
  contentAfter(fate: FileFate): Uint8Array {
    return this.#pending.length === 0 ? this.#durable : contentAfter(this.#durable, this.#pending, fate)
  }
}

/** The fate in which the first `count` changes got there and no other. */
export function everything(count: number): FileFate {
  return { sector: () => count, size: count }
}

function contentAfter(durable: Uint8Array, changes: readonly FileChange[], fate: FileFate): Uint8Array {
  let largest = durable.length
  for (const change of changes) {
    largest = Math.max(largest, change.kind === 'write' ? change.position + change.bytes.length : change.size)
  }
  const content = new Uint8Array(largest)
  content.set(durable)
  let size = durable.length
  let sizeLeft = size
  changes.forEach((change, index) => {
    const version = index + 1
    const reached = (sector: number): boolean => fate.sector(sector) >= version
    if (change.kind === 'write') {
      size = Math.max(size, change.position + change.bytes.length)
      overwrite(content, change.position, change.position + change.bytes.length, reached, change)
    } else {
      // Space that a smaller size has freed is never shown again, whatever happened to its sectors.
      const freed = fate.size >= version
      overwrite(content, change.size, size, (sector) => freed || reached(sector), undefined)
      size = change.size
    }
    if (fate.size >= version) sizeLeft = size
  })
  return content.subarray(0, sizeLeft)
}

/** Puts the bytes of `write`, or zeroes, into those sectors between two positions that `reached` says. */
function overwrite(
  content: Uint8Array,
  start: number,
  end: number,
  reached: (sector: number) => boolean,
  write: { position: number; bytes: Uint8Array } | undefined,
): void {
  for (let at = start; at < end; ) {
    const sector = Math.floor(at / sectorBytes)
    const next = Math.min(end, (sector + 1) * sectorBytes)
    if (reached(sector)) {
      if (write) content.set(write.bytes.subarray(at - write.position, next - write.position), at)
      else content.fill(0, at, next)
    }
    at = next
  }
}
