import type { MemoryGroupLog } from '../../group/testing/memory-group-log.ts'

/** Keeps the last record of each key, and those in their order: what compaction may leave at the most. */
export function compactLog(log: MemoryGroupLog): void {
  const seen = new Set<string>()
  for (const batch of log.batches.toReversed()) {
    if (batch.state !== 'committed') continue
    batch.copies = batch.copies
      .toReversed()
      .filter(({ key }) => {
        const text = Buffer.from(key).toString('hex')
        if (seen.has(text)) return false
        seen.add(text)
        return true
      })
      .toReversed()
  }
}
