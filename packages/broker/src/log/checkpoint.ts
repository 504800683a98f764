import type { Disk } from '../host/disk.ts'
import { crc32c } from '../record/crc32c.ts'
import { EpochCache } from './epoch-cache.ts'
import type { Log } from './log.ts'
import type { StoredProducer } from './producer-state.ts'
import type { Segment } from './segment.ts'
import type { SegmentSummary } from './segment-index.ts'
import { gapBitsOf, gapsOf } from './segment-index.ts'

/**
 * The file `checkpoint`: which logs and segments there are, and up to where they need no recovery. One line of JSON
 * behind a line `polylog-checkpoint 1 CRC`, CRC-32C of the JSON in hexadecimal. Replaced atomically, and always *before*
 * a segment file is removed: a file below a log's synced offset that the checkpoint does not name is a leftover.
 */
export interface Checkpoint {
  /** True from a clean stop until the next start: the segments hold everything and the journal is empty. */
  clean: boolean
  nextLogId: number
  /** The journal's next sequence; entries that are missing below it have been trimmed. */
  nextSequence: number
  /** Journal entries up to here were synced: if one is missing, that is damage. 0 if the journal begins anew. */
  syncedSequence: number
  logs: StoredLog[]
}

/** Below this, every journal entry that matters is in a segment or in the checkpoint itself. */
export function neededSequenceOf(checkpoint: Checkpoint): number {
  let needed = checkpoint.nextSequence
  for (const log of checkpoint.logs) {
    // What there was of a damaged log has been put aside when the damage was found.
    if (log.damage === null) needed = Math.min(needed, log.sequence + 1)
  }
  return needed
}

export interface StoredLog {
  id: number
  name: string
  startOffset: number
  /** Everything below is in the segments listed, synced. */
  syncedOffset: number
  /** Journal entries of this log up to here are in the segments. */
  sequence: number
  epochs: [number, number][]
  producers: StoredProducer[]
  segments: StoredSegment[]
  /** Files, by base offset and generation, that are on their way out although nothing else here says so. */
  leaving?: [number, number][]
  /** Why the log takes no more records; stays until somebody has dealt with it. */
  damage: string | null
  /** Of a damaged log: records below this offset had been there. What lies between its end and this is missing. */
  reachedOffset?: number
}

/** [base offset, generation, bytes, end offset, largest timestamp or null, its offset, 1 if sparse plus 2 if gapped]. */
export type StoredSegment = [number, number, number, number, number | null, number, number]

const heading = 'polylog-checkpoint 1 '

/** The checkpoint cannot be trusted; nothing was changed. */
export class CheckpointDamageError extends Error {
  constructor(path: string, what: string) {
    super(`${path} is damaged: ${what}. Nothing was changed. Restore the data directory from a copy.`)
    this.name = 'CheckpointDamageError'
  }
}

/**
 * @param obsoleteCount so many of the oldest segments go once the checkpoint is written: it does not name them any more
 * @param leaving segments that the log has given up, whatever their offsets
 */
export function storedLog(log: Log, sequence: number, obsoleteCount = 0, leaving?: readonly Segment[]): StoredLog {
  const segments: StoredSegment[] = []
  for (const segment of log.segments.slice(obsoleteCount)) {
    const summary = segment.syncedSummary()
    if (summary) segments.push(storedSegment(segment.baseOffset, segment.generation, summary))
  }
  const epochs = new EpochCache(log.epochs.entries())
  epochs.truncateStart(log.plannedStartOffset)
  const { lastingDamage } = log
  return {
    id: log.id,
    name: log.name,
    startOffset: log.plannedStartOffset,
    // A sync of several segments may be half done: what counts is what is listed.
    syncedOffset: segments.at(-1)?.[3] ?? log.syncedOffset,
    sequence,
    epochs: epochs.entries(),
    producers: log.producers.store(),
    segments,
    ...(leaving && { leaving: leaving.map(({ baseOffset, generation }) => [baseOffset, generation]) }),
    damage: lastingDamage?.what ?? null,
    ...(lastingDamage && { reachedOffset: lastingDamage.reachedOffset }),
  }
}

function storedSegment(baseOffset: number, generation: number, s: SegmentSummary): StoredSegment {
  const maxTimestampMs = Number.isFinite(s.maxTimestampMs) ? s.maxTimestampMs : null
  return [baseOffset, generation, s.bytes, s.endOffset, maxTimestampMs, s.maxTimestampOffset, gapBitsOf(s)]
}

export function summaryOf(stored: StoredSegment): SegmentSummary {
  const [, , bytes, endOffset, maxTimestampMs, maxTimestampOffset, gaps] = stored
  return { bytes, endOffset, maxTimestampMs: maxTimestampMs ?? -Infinity, maxTimestampOffset, ...gapsOf(gaps) }
}

/** Replaces the checkpoint. Durable when it resolves. */
export async function writeCheckpoint(disk: Disk, directory: string, checkpoint: Checkpoint): Promise<void> {
  const json = JSON.stringify(checkpoint)
  const body = Buffer.from(json)
  const crc = crc32c(body).toString(16).padStart(8, '0')
  const path = `${directory}/checkpoint.new`
  const file = disk.open(path, 'write')
  try {
    const head = Buffer.from(`${heading}${crc}\n`)
    file.write([head, body], 0)
    file.truncate(head.length + body.length)
    await file.sync()
  } finally {
    file.close()
  }
  disk.rename(path, `${directory}/checkpoint`)
  await disk.syncDirectory(directory)
}

/** @returns undefined if there is none @throws CheckpointDamageError */
export function readCheckpoint(disk: Disk, directory: string): Checkpoint | undefined {
  const path = `${directory}/checkpoint`
  const size = disk.sizeOf(path)
  if (size === undefined) return undefined
  const file = disk.open(path, 'read')
  const bytes = Buffer.allocUnsafe(size)
  try {
    if (file.readNow(bytes, 0) < size) throw new CheckpointDamageError(path, 'it is shorter than its size')
  } finally {
    file.close()
  }
  const bodyStart = heading.length + 9
  const head = bytes.subarray(0, bodyStart).toString('latin1')
  if (!/^polylog-checkpoint 1 [0-9a-f]{8}\n$/.test(head)) throw new CheckpointDamageError(path, 'the heading is broken')
  const body = bytes.subarray(bodyStart)
  if (crc32c(body) !== Number.parseInt(head.slice(heading.length), 16)) {
    throw new CheckpointDamageError(path, 'the CRC does not match')
  }
  return JSON.parse(body.toString()) as Checkpoint
}
