import { FileBytes } from '../memory/file-bytes.ts'
import { copyOf } from './byte-slab.ts'

/** The unit a device writes whole or not at all. */
const sectorBytes = 512

type FileChange = { sequence: number } & (
  | { kind: 'write'; position: number; bytes: Uint8Array }
  | { kind: 'truncate'; size: number }
)

/**
 * How much of a file's unsynced changes got to the device. A version is a number of changes, from 0 (what was synced)
 * to all; each sector, and the size, has got to a version of its own.
 */
export interface FileSurvival {
  sectorVersion(sector: number): number
  readonly sizeVersion: number
}

/** A file in the page cache over the same file on the device, and the changes that stand between them. */
export class UnsyncedFile {
  /** Names the file in traces, whatever its path is now. */
  readonly id: number
  readonly #cache = new FileBytes()
  readonly #durable = new FileBytes()
  #changes: FileChange[] = []
  #sequence = 0
  /** Whether something stands in the page cache that will never be on the device. */
  #hasDropped = false

  constructor(id: number) {
    this.id = id
  }

  get size(): number {
    return this.#cache.size
  }

  /** Changes a crash could undo. */
  get unsyncedCount(): number {
    return this.#changes.length
  }

  read(target: Uint8Array, position: number): number {
    return this.#cache.read(target, position)
  }

  write(bytes: Uint8Array, position: number): void {
    this.#cache.write(bytes, position)
    this.#sequence += 1
    this.#changes.push({ kind: 'write', sequence: this.#sequence, position, bytes: copyOf([bytes], bytes.length) })
  }

  truncate(size: number): void {
    this.#cache.truncate(size)
    this.#sequence += 1
    this.#changes.push({ kind: 'truncate', sequence: this.#sequence, size })
  }

  /** The moment up to which a sync that begins now covers changes. */
  mark(): number {
    return this.#sequence
  }

  /** How many of the changes that stand now a sync begun at `mark` covers. */
  countUpTo(mark: number): number {
    let count = 0
    while (count < this.#changes.length && this.#changes[count]!.sequence <= mark) count += 1
    return count
  }

  /** A sync begun at `mark` has succeeded. */
  commit(mark: number): void {
    for (const change of this.#changes.splice(0, this.countUpTo(mark))) {
      if (change.kind === 'write') this.#durable.write(change.bytes, change.position)
      else this.#durable.truncate(change.size)
    }
  }

  /**
   * A sync begun at `mark` has failed. As Linux does, the pages count as clean from now on: they are still read, but no
   * later sync writes them.
   */
  drop(mark: number, survival: FileSurvival): void {
    this.#hasDropped = true
    applySurvivors(this.#durable, this.#changes.splice(0, this.countUpTo(mark)), survival)
  }

  /** The machine lost power; what survives is on the device and read again from there. */
  losePower(survival: FileSurvival): void {
    // Most files of a machine have nothing to lose.
    if (this.#changes.length === 0 && !this.#hasDropped) return
    applySurvivors(this.#durable, this.#changes, survival)
    this.#changes = []
    this.#hasDropped = false
    this.#cache.become(this.#durable)
  }

  /** The device gives back one bit wrong from now on. */
  flipBit(position: number, bit: number): void {
    const byte = new Uint8Array(1)
    for (const bytes of [this.#cache, this.#durable]) {
      if (bytes.read(byte, position) === 0) continue
      byte[0]! ^= 1 << bit
      bytes.write(byte, position)
    }
  }
}

/** Brings each sector and the size of `durable` as far in `changes` as `survival` says. */
function applySurvivors(durable: FileBytes, changes: readonly FileChange[], survival: FileSurvival): void {
  let size = durable.size
  let sizeSurviving = size
  changes.forEach((change, index) => {
    const version = index + 1
    if (change.kind === 'write') {
      size = Math.max(size, change.position + change.bytes.length)
      writeSectors(durable, change.position, change.bytes, (sector) => survival.sectorVersion(sector) >= version)
    } else {
      // Once the smaller size is on the device the space behind it is free, and no journaling file system shows it again.
      const freed = survival.sizeVersion >= version
      clearSectors(durable, change.size, (sector) => freed || survival.sectorVersion(sector) >= version)
      size = change.size
    }
    if (survival.sizeVersion >= version) sizeSurviving = size
  })
  durable.truncate(sizeSurviving)
}

function writeSectors(
  target: FileBytes,
  position: number,
  bytes: Uint8Array,
  survives: (sector: number) => boolean,
): void {
  let start = 0
  while (start < bytes.length) {
    const sector = Math.floor((position + start) / sectorBytes)
    const end = Math.min(bytes.length, (sector + 1) * sectorBytes - position)
    if (survives(sector)) target.write(bytes.subarray(start, end), position + start)
    start = end
  }
}

const zeroes = new Uint8Array(sectorBytes)

function clearSectors(target: FileBytes, from: number, survives: (sector: number) => boolean): void {
  let position = from
  while (position < target.size) {
    const sector = Math.floor(position / sectorBytes)
    const end = Math.min(target.size, (sector + 1) * sectorBytes)
    if (survives(sector)) target.write(zeroes.subarray(0, end - position), position)
    position = end
  }
}
