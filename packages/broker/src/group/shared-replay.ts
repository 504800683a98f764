import type { GroupLog, GroupRecord } from './group-log.ts'

type Visit = (key: Uint8Array, value: Uint8Array | null, timestampMs: number) => void

interface Replay {
  readonly visits: Visit[]
  readonly promise: Promise<void>
}

/** A group log that reads a partition once for all who ask for it in the same turn: groups of every kind share it. */
export class SharedReplay implements GroupLog {
  readonly #log: GroupLog
  /** Those that have not begun, by partition. */
  readonly #waiting = new Map<number, Replay>()

  constructor(log: GroupLog) {
    this.#log = log
  }

  get partitionCount(): number {
    return this.#log.partitionCount
  }

  leads(partition: number): boolean {
    return this.#log.leads(partition)
  }

  replay(partition: number, visit: Visit): Promise<void> {
    const waiting = this.#waiting.get(partition)
    if (waiting !== undefined) {
      waiting.visits.push(visit)
      return waiting.promise
    }
    const visits = [visit]
    const promise = Promise.resolve().then(() => {
      this.#waiting.delete(partition)
      return this.#log.replay(partition, (key, value, timestampMs) => {
        for (const each of visits) each(key, value, timestampMs)
      })
    })
    this.#waiting.set(partition, { visits, promise })
    return promise
  }

  append(partition: number, records: readonly GroupRecord[]): Promise<void> {
    return this.#log.append(partition, records)
  }
}
