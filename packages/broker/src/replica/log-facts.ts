import type { Log } from '../log/log.ts'
import type { ActiveProducer } from '../topic/partition.ts'

/** Bytes of `log` from `offset` up to `end`: exact for what is in memory, and never too low there. */
export function bytesBetween(log: Log, offset: number, end: number): number {
  if (offset >= end) return 0
  const { tail, segments } = log
  let bytes = tail.bytesBetween(Math.max(offset, tail.startOffset), end)
  if (offset >= tail.startOffset) return bytes
  for (let i = log.segmentIndexOf(offset); i < segments.length; i++) bytes += segments[i]!.bytes
  return bytes
}

/** Idempotent producers that the log knows. */
export function activeProducersOf(log: Log): readonly ActiveProducer[] {
  return [...log.producers.entries()].map((entry) => ({
    producerId: entry.producerId,
    producerEpoch: entry.epoch,
    lastSequence: entry.batches.at(-1)?.lastSequence ?? -1,
    lastTimestampMs: entry.lastTimestampMs,
    transactionStartOffset: -1,
  }))
}
