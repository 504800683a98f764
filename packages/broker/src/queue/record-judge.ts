import { baseTimestampOf, hasLogAppendTime, lastOffsetDeltaOf, maxTimestampOf, recordCountOf } from '../record/batch.ts'
import { headersOf } from '../record/headers.ts'
import type { RecordHeader } from '../record/headers.ts'
import { openRecords, RecordError, RecordReader } from '../record/records.ts'
import type { BatchJudge, Verdict } from './batch-judge.ts'
import type { GroupQueueConfig } from './group-queue-config.ts'
import { RecordFilter } from './record-filter.ts'

/** Milliseconds since 1970 from which a message is of no use, in decimal digits. */
const expiryHeader = 'polylog-expires-at'

/** Looks into batches for groups that filter or that let messages expire. */
class RecordJudge implements BatchJudge {
  readonly #filter: RecordFilter | undefined
  readonly #ttlMs: number | undefined

  constructor(filter: RecordFilter | undefined, ttlMs: number | undefined) {
    this.#filter = filter
    this.#ttlMs = ttlMs
  }

  judge(bytes: Uint8Array, at: number, nowMs: number): readonly (Verdict | undefined)[] | undefined {
    try {
      return this.#judge(bytes, at, nowMs)
    } catch (error) {
      // Whoever gets it finds out the same, and can say so.
      if (error instanceof RecordError) return undefined
      throw error
    }
  }

  #judge(bytes: Uint8Array, at: number, nowMs: number): readonly (Verdict | undefined)[] | undefined {
    const count = recordCountOf(bytes, at)
    const deltaMax = lastOffsetDeltaOf(bytes, at)
    const verdicts: (Verdict | undefined)[] = Array.from({ length: deltaMax + 1 })
    const records = openRecords(bytes, at)
    const reader = new RecordReader(records, count)
    const appendTimeMs = hasLogAppendTime(bytes, at) ? maxTimestampOf(bytes, at) : undefined
    let isAllWanted = count === deltaMax + 1
    for (let record = reader.next(); record !== undefined; record = reader.next()) {
      if (record.offsetDelta < 0 || record.offsetDelta > deltaMax) throw new RecordError('damaged', 'an offset outside')
      const timestampMs = appendTimeMs ?? baseTimestampOf(bytes, at) + record.timestampDelta
      const verdict = this.#verdict(headersOf(records, record), timestampMs, nowMs)
      verdicts[record.offsetDelta] = verdict
      if (verdict !== 'deliver') isAllWanted = false
    }
    return isAllWanted ? undefined : verdicts
  }

  #verdict(headers: readonly RecordHeader[], timestampMs: number, nowMs: number): Verdict {
    if (this.#filter?.wants(headers) === false) return 'filtered'
    if (this.#ttlMs === undefined) return 'deliver'
    return Math.min(timestampMs + this.#ttlMs, expiryOf(headers)) <= nowMs ? 'expired' : 'deliver'
  }
}

function expiryOf(headers: readonly RecordHeader[]): number {
  const value = headers.findLast(({ key }) => key === expiryHeader)?.value
  const text = value === undefined || value === null ? '' : Buffer.from(value).toString('latin1')
  return /^\d{1,16}$/.test(text) ? Number(text) : Number.POSITIVE_INFINITY
}

/** The judges of groups, by their settings; a group that wants everything has none. */
export class RecordJudges {
  readonly #known = new WeakMap<GroupQueueConfig, BatchJudge | Promise<BatchJudge>>()

  of(config: GroupQueueConfig): BatchJudge | Promise<BatchJudge> | undefined {
    const { tagFilter, headerFilter, messageTtlMs } = config
    if (tagFilter === '' && headerFilter === '' && messageTtlMs === undefined) return undefined
    const known = this.#known.get(config)
    if (known !== undefined) return known
    const made = this.#make(config)
    this.#known.set(config, made)
    return made
  }

  async #make(config: GroupQueueConfig): Promise<BatchJudge> {
    const filter = await RecordFilter.make(config.tagFilter, config.headerFilter)
    const judge = new RecordJudge(filter, config.messageTtlMs)
    this.#known.set(config, judge)
    return judge
  }
}
