import { batchBytesOf, baseOffsetOf, recordCountOf } from '../../record/batch.ts'
import { forEachRecord, openRecords } from '../../record/records.ts'
import type { Replica } from '../replica.ts'

/** Every record of a replica's log up to its high watermark: offset to value. */
export async function readAll(replica: Replica): Promise<Map<number, string>> {
  const found = new Map<number, string>()
  for (let offset = replica.logStartOffset; offset < replica.highWatermark; ) {
    const read = await replica.read({ offset, bytesMax: 100_000, atLeastOne: true, isolation: 'read-uncommitted' })
    for (const chunk of read.chunks) {
      for (let at = 0; at < chunk.length; at += batchBytesOf(chunk, at)) {
        const base = baseOffsetOf(chunk, at)
        forEachRecord(openRecords(chunk, at), recordCountOf(chunk, at), ({ value, offsetDelta }) => {
          found.set(base + offsetDelta, Buffer.from(value!).toString())
          return true
        })
        offset = base + recordCountOf(chunk, at)
      }
    }
    read.release()
  }
  return found
}
