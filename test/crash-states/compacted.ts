import type { Log } from '../../packages/broker/src/log/log.ts'
import { baseOffsetOf, batchBytesOf, recordCountOf } from '../../packages/broker/src/record/batch.ts'
import { forEachRecord, openRecords } from '../../packages/broker/src/record/records.ts'
import { BrokenPromise } from './broken-promise.ts'
import type { TakenBatch } from './expectation.ts'

interface PlainRecord {
  offset: number
  key: string
  value: string
}

/**
 * Checks a log that a compaction has been over, or was going over when the crash came: every record is one that was
 * appended, at its offset, in order; and of each key the last one is there.
 * @throws BrokenPromise
 */
export async function checkCompacted(log: Log, due: readonly TakenBatch[], name: string): Promise<void> {
  const appended = new Map<number, PlainRecord>()
  const lastOffsets = new Map<string, number>()
  for (const record of due.flatMap((batch) => recordsIn(batch.bytes))) {
    if (record.offset < log.startOffset) continue
    appended.set(record.offset, record)
    lastOffsets.set(record.key, record.offset)
  }
  const found = new Set<number>()
  let previous = -1
  for (const record of await readRecords(log)) {
    if (record.offset < log.startOffset) continue
    const original = appended.get(record.offset)
    if (!original || original.key !== record.key || original.value !== record.value || record.offset <= previous) {
      throw new BrokenPromise(`${name}: the record at ${record.offset} was never appended there`)
    }
    previous = record.offset
    found.add(record.offset)
  }
  for (const [key, offset] of lastOffsets) {
    if (!found.has(offset)) throw new BrokenPromise(`${name}: the last record of ${key}, at ${offset}, is gone`)
  }
}

async function readRecords(log: Log): Promise<PlainRecord[]> {
  const records: PlainRecord[] = []
  for (let offset = log.startOffset; offset < log.endOffset; ) {
    const read = await log.read(offset, log.endOffset, 1 << 20, true)
    // Behind the last batch that is left there may be nothing up to the end.
    if (read.bytes === 0) break
    for (const chunk of read.chunks) {
      for (let at = 0; at < chunk.length; at += batchBytesOf(chunk, at)) {
        const bytes = Uint8Array.from(chunk.subarray(at, at + batchBytesOf(chunk, at)))
        records.push(...recordsIn(bytes))
        offset = baseOffsetOf(bytes, 0) + new DataView(bytes.buffer).getInt32(23) + 1
      }
    }
    read.release()
  }
  return records
}

function recordsIn(batch: Uint8Array): PlainRecord[] {
  const records: PlainRecord[] = []
  forEachRecord(openRecords(batch, 0), recordCountOf(batch, 0), ({ offsetDelta, key, value }) => {
    const [keyText, valueText] = [key, value].map((bytes) => Buffer.from(bytes ?? []).toString('latin1'))
    records.push({ offset: baseOffsetOf(batch, 0) + offsetDelta, key: keyText!, value: valueText! })
    return true
  })
  return records
}
