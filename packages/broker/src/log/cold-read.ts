import { baseOffsetOf, batchBytesOf, batchHeaderBytes, lastOffsetOf, leaderEpochOf, magicOf } from '../record/batch.ts'
import { findCrcFault } from '../record/validate.ts'
import type { BufferPool } from './buffer-pool.ts'
import type { EpochCache } from './epoch-cache.ts'
import { LogDamageError } from './log-damage.ts'
import type { Segment } from './segment.ts'

export interface ColdRun {
  bytes: Uint8Array
  release: () => void
}

export interface ColdReadRequest {
  segment: Segment
  epochs: EpochCache
  pool: BufferPool
  offset: number
  limitOffset: number
  bytesMax: number
  atLeastOne: boolean
}

/** Read beyond what was asked, to reach from the indexed position to the wanted batch in one go. */
const slackBytes = 8192

/**
 * Reads whole batches of one segment from the batch that holds `offset`, or the first behind it where compaction left a
 * gap. Every batch returned has passed its CRC and fits its neighbours.
 * @returns undefined if the segment holds nothing from `offset` on; 'stopped' if it does, but the next batch lies at or
 * above the limit or does not fit: then what is behind it must not be read either
 * @throws LogDamageError
 */
export async function readCold(request: ColdReadRequest): Promise<ColdRun | 'stopped' | undefined> {
  const { segment, pool, bytesMax } = request
  let { offset: expected, position } = (await segment.loadIndex()).floor(request.offset)
  let wanted = bytesMax + slackBytes
  for (;;) {
    const size = Math.min(wanted, segment.bytes - position)
    if (size < batchHeaderBytes) {
      checkEnd(segment, position, expected)
      return undefined
    }
    const buffer = pool.take(size)
    const filled = await segment.read(buffer.subarray(0, size), position)
    if (filled < size) {
      pool.give(buffer)
      throw new LogDamageError(segment.path, position + filled, `the file ends ${size - filled} bytes early`)
    }
    const walk = walkRun(request, buffer.subarray(0, size), position, expected)
    if (walk.end > walk.start) {
      return { bytes: buffer.subarray(walk.start, walk.end), release: () => pool.give(buffer) }
    }
    pool.give(buffer)
    if (walk.stopped) return 'stopped'
    position += walk.next
    expected = walk.nextOffset
    wanted = Math.max(wanted, walk.needed)
  }
}

/** A damaged batch at the end must not look as if the log went on behind it. */
function checkEnd(segment: Segment, position: number, offset: number): void {
  if (position === segment.bytes && (segment.mayHaveGaps || offset === segment.endOffset)) return
  throw new LogDamageError(segment.path, position, `the batches end at offset ${offset}, not at ${segment.endOffset}`)
}

interface Walk {
  start: number
  end: number
  /** The limit was reached: reading on is no use. */
  stopped: boolean
  /** Where to read on, and what offset is due there. */
  next: number
  nextOffset: number
  /** Size of the batch at `next`, if its header was there. */
  needed: number
}

/** What is intact before damage is returned; the read that begins at the damage throws. */
function walkRun(request: ColdReadRequest, bytes: Uint8Array, position: number, due: number): Walk {
  const walk: Walk = { start: 0, end: 0, stopped: false, next: 0, nextOffset: due, needed: batchHeaderBytes }
  while (walk.next + batchHeaderBytes <= bytes.length) {
    const at = walk.next
    const size = batchBytesOf(bytes, at)
    const lastOffset = lastOffsetOf(bytes, at)
    const collected = walk.end - walk.start
    let damage = findHeaderDamage(request, bytes, at, position + at, walk.nextOffset)
    if (damage === undefined && lastOffset >= request.offset) {
      walk.stopped = lastOffset >= request.limitOffset
      if (collected + size > request.bytesMax && !(request.atLeastOne && collected === 0)) walk.stopped = true
      if (walk.stopped) return walk
      if (at + size > bytes.length) break
      damage = findCrcFault(bytes.subarray(0, at + size), at)?.detail
      if (collected === 0) walk.start = at
      if (damage === undefined) walk.end = at + size
    }
    if (damage !== undefined) {
      if (collected > 0) return walk
      throw new LogDamageError(request.segment.path, position + at, damage)
    }
    walk.next = at + size
    walk.nextOffset = lastOffset + 1
  }
  if (walk.next + batchHeaderBytes <= bytes.length) walk.needed = batchBytesOf(bytes, walk.next)
  return walk
}

/** The fields must fit what is known from elsewhere: size, format, offsets and leader epoch. */
function findHeaderDamage(
  request: ColdReadRequest,
  bytes: Uint8Array,
  at: number,
  position: number,
  due: number,
): string | undefined {
  const { segment, epochs } = request
  const size = batchBytesOf(bytes, at)
  const baseOffset = baseOffsetOf(bytes, at)
  const lastOffset = lastOffsetOf(bytes, at)
  const sizeFits = size >= batchHeaderBytes && position + size <= segment.bytes
  // Of a log that a follower began anew, the first batch may begin before the start.
  const baseFits = segment.mayHaveGaps ? baseOffset >= due || (position === 0 && lastOffset >= due) : baseOffset === due
  const lastFits = lastOffset >= baseOffset && lastOffset < segment.endOffset
  if (!sizeFits || !baseFits || !lastFits || magicOf(bytes, at) !== 2) return `no batch for offset ${due} here`
  if (lastOffset < request.offset) return undefined
  // Of the batch that holds the start of the log only a part is known to the epoch cache.
  const epoch = epochs.epochAt(Math.max(baseOffset, request.offset))
  if (leaderEpochOf(bytes, at) === epoch) return undefined
  return `leader epoch ${leaderEpochOf(bytes, at)} at offset ${baseOffset}, it was ${epoch}`
}
