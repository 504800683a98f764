import type { TopicSettings } from '../config/topic-settings.ts'
import { baseTimestampOf, isTransactional, maxTimestampOf } from '../record/batch.ts'
import { findKeylessRecord } from '../record/records.ts'
import { findProducerBatchFault } from '../record/validate.ts'
import type { AppendFault } from '../topic/partition.ts'

/** What is wrong with a producer's batch, by its form or by the topic's settings; undefined if it may be appended. */
export function findAppendFault(batch: Uint8Array, settings: TopicSettings, nowMs: number): AppendFault | undefined {
  return findProducerBatchFault(batch, settings.messageBytesMax) ?? findRuleFault(batch, settings, nowMs)
}

function findRuleFault(batch: Uint8Array, settings: TopicSettings, nowMs: number): AppendFault | undefined {
  if (isTransactional(batch, 0)) {
    return { code: 'invalid-record', detail: 'transactions are not supported by this version of Polylog' }
  }
  if (settings.cleanupCompact) {
    const fault = findKeylessRecord(batch)
    if (fault !== undefined) return { code: 'invalid-record', ...fault }
  }
  return settings.logAppendTime ? undefined : findTimestampFault(batch, settings, nowMs)
}

function findTimestampFault(batch: Uint8Array, settings: TopicSettings, nowMs: number): AppendFault | undefined {
  const earliestMs = nowMs - settings.timestampBeforeMsMax
  const latestMs = nowMs + settings.timestampAfterMsMax
  // The base timestamp is that of the first record; the largest bounds the others from above.
  const lowestMs = Math.min(baseTimestampOf(batch, 0), maxTimestampOf(batch, 0))
  if (lowestMs < earliestMs && lowestMs >= 0) {
    return { code: 'invalid-timestamp', detail: `timestamp ${lowestMs} is before message.timestamp.before.max.ms` }
  }
  if (maxTimestampOf(batch, 0) > latestMs) {
    const detail = `timestamp ${maxTimestampOf(batch, 0)} is beyond message.timestamp.after.max.ms`
    return { code: 'invalid-timestamp', detail }
  }
  return undefined
}
