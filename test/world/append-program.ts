import type { Host } from '../../packages/broker/src/host/host.ts'

/** What the program under test does right; each switched off makes a wrong program that a crash must give away. */
export interface Discipline {
  syncBeforeAcknowledge: boolean
  syncFolder: boolean
  /** False: a failed sync is tried again, and the second answer believed. */
  stopAfterFailedSync: boolean
}

export const disciplined: Discipline = { syncBeforeAcknowledge: true, syncFolder: true, stopAfterFailedSync: true }

const recordBytes = 100
const folder = 'data'
const path = 'data/log'

/** The smallest program with a promise to keep: it appends numbered records, and acknowledges those that are durable. */
export class AppendProgram {
  readonly #host: Host
  readonly #discipline: Discipline
  /** Records acknowledged so far. */
  acknowledgedCount = 0
  appendedCount = 0

  constructor(host: Host, discipline: Discipline) {
    this.#host = host
    this.#discipline = discipline
  }

  /** Appends for ever, or until a sync fails. */
  async run(): Promise<void> {
    const { disk, clock, random } = this.#host
    disk.makeDirectory(folder)
    const file = disk.open(path, 'create')
    if (this.#discipline.syncFolder) {
      await disk.syncDirectory(folder)
      await disk.syncDirectory('.')
    }
    for (;;) {
      for (let count = 1 + Math.floor(random.next() * 5); count > 0; count -= 1) {
        file.write([recordOf(this.appendedCount)], this.appendedCount * recordBytes)
        this.appendedCount += 1
      }
      const covered = this.appendedCount
      if (!this.#discipline.syncBeforeAcknowledge) this.acknowledgedCount = covered
      try {
        await file.sync()
      } catch {
        if (this.#discipline.stopAfterFailedSync) return
        await file.sync()
      }
      this.acknowledgedCount = covered
      await new Promise<void>((resolve) => void clock.startTimer(random.next() * 3, resolve))
    }
  }
}

function recordOf(number: number): Uint8Array {
  return new Uint8Array(recordBytes).fill(1 + (number % 255))
}

/** How many records stand on the disk without a gap. */
export function recoveredCount({ disk }: Host): number {
  const size = disk.sizeOf(path)
  if (size === undefined) return 0
  const bytes = new Uint8Array(size)
  disk.open(path, 'read').readNow(bytes, 0)
  let count = 0
  while ((count + 1) * recordBytes <= size) {
    const record = bytes.subarray(count * recordBytes, (count + 1) * recordBytes)
    if (!record.every((byte) => byte === 1 + (count % 255))) break
    count += 1
  }
  return count
}
