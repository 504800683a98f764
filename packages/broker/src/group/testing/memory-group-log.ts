import type { ErrorCode } from '../../errors/errors.ts'
import { assert, BrokerError } from '../../errors/errors.ts'
import type { GroupLog, GroupRecord } from '../group-log.ts'

interface Batch {
  partition: number
  records: readonly GroupRecord[]
  /** What the records were when they were appended: nobody may write to them afterwards. */
  copies: readonly GroupRecord[]
  state: 'waiting' | 'committed' | 'lost'
  resolve: () => void
  reject: (error: BrokerError) => void
}

/** A group log in memory which can be slow, fail, and lose or keep what it failed on. */
export class MemoryGroupLog implements GroupLog {
  readonly partitionCount: number
  readonly batches: Batch[] = []
  /** Holds appends back until they are released. */
  held = false
  /** Fails appends; `kept` says whether the records are there all the same. */
  failure: { code: ErrorCode; kept: boolean } | null = null
  /** Replays wait for this. */
  replayGate: Promise<void> = Promise.resolve()
  readonly #lost = new Set<number>()

  constructor(partitionCount = 1) {
    this.partitionCount = partitionCount
  }

  get waiting(): Batch[] {
    return this.batches.filter(({ state }) => state === 'waiting')
  }

  leads(partition: number): boolean {
    return !this.#lost.has(partition)
  }

  loseLeadership(partition: number): void {
    this.#lost.add(partition)
  }

  gainLeadership(partition: number): void {
    this.#lost.delete(partition)
  }

  append(partition: number, records: readonly GroupRecord[]): Promise<void> {
    assert(records.length > 0, 'a batch has records')
    const copies = records.map(({ key, value }) => ({
      key: new Uint8Array(key),
      value: value === null ? null : new Uint8Array(value),
    }))
    const { promise, resolve, reject } = Promise.withResolvers<void>()
    const batch: Batch = { partition, records, copies, state: 'waiting', resolve, reject }
    this.batches.push(batch)
    if (!this.held) this.#settle(batch)
    return promise
  }

  /** Ends the appends held back so far, the oldest first unless told otherwise; new ones still wait. */
  release(order: 'in-order' | 'reversed' = 'in-order'): void {
    const waiting = this.waiting
    for (const batch of order === 'reversed' ? waiting.reverse() : waiting) this.#settle(batch)
  }

  /** The broker dies: what waits is kept or lost as a whole, in order, and nobody is told. */
  crash(keptCount: number): void {
    for (const [index, batch] of this.waiting.entries()) batch.state = index < keptCount ? 'committed' : 'lost'
  }

  async replay(
    partition: number,
    visit: (key: Uint8Array, value: Uint8Array | null, timestampMs: number) => void,
  ): Promise<void> {
    await this.replayGate
    for (const batch of this.batches) {
      if (batch.partition !== partition || batch.state !== 'committed') continue
      for (const { key, value } of batch.copies) {
        // Memory of the caller's own, wiped afterwards: whoever keeps a view of it is found out.
        const keyView = new Uint8Array(key)
        const valueView = value === null ? null : new Uint8Array(value)
        visit(keyView, valueView, 0)
        keyView.fill(0xee)
        valueView?.fill(0xee)
      }
    }
  }

  /** Puts bytes in as they are. */
  inject(partition: number, key: Uint8Array, value: Uint8Array | null): void {
    const noop = (): void => undefined
    const records = [{ key, value }]
    this.batches.push({ partition, records, copies: records, state: 'committed', resolve: noop, reject: noop })
  }

  #settle(batch: Batch): void {
    for (const [index, { key, value }] of batch.records.entries()) {
      const copy = batch.copies[index]!
      assert(Buffer.compare(key, copy.key) === 0, 'the key of a record changed after append')
      assert(value === null || Buffer.compare(value, copy.value!) === 0, 'the value of a record changed after append')
    }
    if (this.failure === null) {
      batch.state = 'committed'
      batch.resolve()
    } else {
      batch.state = this.failure.kept ? 'committed' : 'lost'
      batch.reject(new BrokerError(this.failure.code))
    }
  }
}
