import type { Clock } from '../host/clock.ts'
import { baseOffsetOf, recordCountOf } from '../record/batch.ts'
import { RecordError } from '../record/records.ts'
import type { Logger } from '../telemetry/logger.ts'
import type { CleanerPace } from './cleaner-pace.ts'
import type { FilterRules } from './compaction-filter.ts'
import { filterBatch, isOpaque, readerOf } from './compaction-filter.ts'
import { OffsetMap } from './compaction-map.ts'
import { CompactionOutput } from './compaction-output.ts'
import type { CompactionPlan, CompactionSettings } from './compaction-plan.ts'
import { groupSegments } from './compaction-plan.ts'
import { batchesOf, runsOf } from './compaction-reader.ts'
import type { Log } from './log.ts'
import type { Segment } from './segment.ts'
import type { LogStore } from './store.ts'

export interface CompactionOptions {
  store: LogStore
  clock: Clock
  logger: Logger
  pace: CleanerPace
  mapBytesMax: number
  /** Awaited after each group of segments: a large log must not hold up everything else. */
  betweenGroups: () => Promise<void>
}

export interface CompactionResult {
  /** Everything below is compacted now. */
  cleanedOffset: number
  bytesBefore: number
  bytesAfter: number
}

/**
 * Keeps of each key in `plan` the last record and drops the others, as Kafka's log cleaner does: the keys of the dirty
 * segments are put into a map with their last offsets, then everything from the start of the log on is copied without
 * the records that have a later one. Offsets stay. What has been compacted is known by being sparse.
 *
 * Each group of segments is replaced on its own, first to last. A crash in between leaves the groups before it compacted
 * and the others as they were; every key's last record is in one of them at any time.
 * @returns undefined if the log was deleted or cut meanwhile
 * @throws LogDamageError, DiskError, CleanerStopped
 */
export async function compactLog(
  options: CompactionOptions,
  log: Log,
  settings: CompactionSettings,
  plan: CompactionPlan,
): Promise<CompactionResult | undefined> {
  const { store, clock, pace } = options
  const { cutCount } = log
  const isUncut = (): boolean => log.cutCount === cutCount
  await store.syncLog(log)
  pace.continue()
  const { map, endOffset } = await mapKeys(options, plan)
  const rules = (): FilterRules => ({
    map,
    nowMs: clock.nowMs(),
    deleteRetentionMs: settings.deleteRetentionMs,
    startOffset: log.startOffset,
    lastOffset: log.endOffset - 1,
    lastOffsetOfProducer: lastOffsetsOf(log),
  })
  const result = { cleanedOffset: endOffset, bytesBefore: 0, bytesAfter: 0 }
  const segments = plan.segments.filter((segment) => segment.baseOffset < endOffset)
  for (const group of groupSegments(segments, settings.segmentBytes)) {
    if (!isUncut() || !isWhole(store, log, group)) return undefined
    const bytesAfter = await replaceGroup({ ...options, isUncut }, log, group, endOffset, rules())
    if (bytesAfter === undefined) return undefined
    result.bytesAfter += bytesAfter
    for (const segment of group) result.bytesBefore += segment.bytes
    await options.betweenGroups()
  }
  return result
}

/**
 * Offsets of the last records of the keys in the dirty segments. When the memory is full, the map ends at the last segment
 * that went in whole, or within the first one.
 */
async function mapKeys(
  options: CompactionOptions,
  { segments, firstDirty }: CompactionPlan,
): Promise<{ map: OffsetMap; endOffset: number }> {
  const dirty = segments.slice(firstDirty)
  const end = dirty.at(-1)!.endOffset
  const map = new OffsetMap(end - dirty[0]!.baseOffset, options.mapBytesMax)
  for (const segment of dirty) {
    for await (const run of runsOf(segment, options.pace)) {
      for (const batch of batchesOf(run)) {
        const baseOffset = baseOffsetOf(batch, 0)
        if (isOpaque(batch) || (await mapBatch(options, map, batch))) continue
        if (segment !== dirty[0]) return { map, endOffset: segment.baseOffset }
        if (baseOffset > segment.baseOffset) return { map, endOffset: baseOffset }
        // Its keys alone are too many: records that it supersedes stay for now.
        options.logger.warn('batch has more keys than compaction has memory for', { offset: baseOffset })
      }
    }
  }
  return { map, endOffset: end }
}

/** @returns false if the keys of the batch might not all fit */
async function mapBatch({ pace, logger }: CompactionOptions, map: OffsetMap, batch: Uint8Array): Promise<boolean> {
  const baseOffset = baseOffsetOf(batch, 0)
  try {
    const { next } = readerOf(batch)
    // Checked after opening: before, the count is only what the header says.
    if (map.size + recordCountOf(batch, 0) > map.keysMax) return false
    for (let record = next(); record !== undefined; record = next()) {
      if (record.key !== null) map.put(record.key, baseOffset + record.offsetDelta)
      if (pace.isDue) await pace.turn()
    }
  } catch (error) {
    if (!(error instanceof RecordError)) throw error
    logger.warn('batch cannot be opened, compaction keeps it as it is', { offset: baseOffset, error: error.message })
  }
  return true
}

/** @returns bytes of what is there now, undefined if the log has changed meanwhile so that nothing was replaced */
async function replaceGroup(
  { store, pace, isUncut }: CompactionOptions & { isUncut: () => boolean },
  log: Log,
  group: readonly Segment[],
  endOffset: number,
  rules: FilterRules,
): Promise<number | undefined> {
  const generation = Math.max(...group.map((segment) => segment.generation)) + 1
  const groupEnd = group.at(-1)!.endOffset
  const cleaned = new CompactionOutput(log, group[0]!.baseOffset, generation, true)
  const outputs = [cleaned]
  // A map that filled up within a segment: what lies behind goes into a segment of its own, to be compacted next time.
  if (endOffset < groupEnd) outputs.push(new CompactionOutput(log, endOffset, generation, false))
  let isReplaced = false
  try {
    const isChanged = await copyGroup(group, outputs, rules, pace)
    // Compacted before, and nothing new in it to remove.
    if (!isChanged && group.length === 1 && group[0]!.sparse) return cleaned.bytes
    await cleaned.finish(Math.min(endOffset, groupEnd))
    await outputs[1]?.finish(groupEnd)
    pace.continue()
    if (!isUncut() || !isWhole(store, log, group)) return undefined
    const segments = outputs.map((output) => output.segment)
    isReplaced = true
    await store.replaceSegments(log, group, segments)
    return outputs.reduce((sum, output) => sum + output.bytes, 0)
  } finally {
    if (!isReplaced) for (const output of outputs) output.segment.remove()
  }
}

/** @returns true if any batch is not what it was */
async function copyGroup(
  group: readonly Segment[],
  [cleaned, rest]: readonly CompactionOutput[],
  rules: FilterRules,
  pace: CleanerPace,
): Promise<boolean> {
  let isChanged = false
  for (const segment of group) {
    for await (const run of runsOf(segment, pace)) {
      for (const batch of batchesOf(run)) {
        if (rest && baseOffsetOf(batch, 0) >= rest.segment.baseOffset) {
          rest.add(batch)
          continue
        }
        const kept = await filterBatch(batch, rules, pace)
        if (kept) cleaned!.add(kept)
        if (kept !== batch) isChanged = true
        if (pace.isDue) await pace.turn()
      }
      await cleaned!.flush()
      await rest?.flush()
    }
  }
  return isChanged
}

/** True if the log is alive and still has the segments side by side: nobody has deleted or cut anything of them. */
function isWhole(store: LogStore, log: Log, group: readonly Segment[]): boolean {
  if (store.get(log.name) !== log || log.damage !== undefined) return false
  const first = log.segments.indexOf(group[0]!)
  return first >= 0 && group.every((segment, i) => log.segments[first + i] === segment)
}

/**
 * Taken anew for each group: a batch that is the last of its producer when it is looked at stays, whatever comes after.
 * Batches that are not committed do not count, for they may be cut off.
 */
function lastOffsetsOf(log: Log): (producerId: number) => number | undefined {
  const offsets = new Map<number, number>()
  for (const { producerId, batches } of log.producers.entries()) {
    const last = batches.findLast((batch) => batch.lastOffset < log.committedOffset)
    if (last) offsets.set(producerId, last.lastOffset)
  }
  return (producerId) => offsets.get(producerId)
}
