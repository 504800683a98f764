import { baseOffsetOf, batchBytesOf, batchHeaderBytes, lastOffsetOf, magicOf, magicSupported } from '../record/batch.ts'
import { findCrcFault } from '../record/validate.ts'
import type { CleanerPace } from './cleaner-pace.ts'
import { LogDamageError } from './log-damage.ts'
import type { Segment } from './segment.ts'

const windowBytes = 256 * 1024

/**
 * All batches of a segment in order, in runs of about 256 KiB. A run is valid until the next one is asked for. Whole
 * batches only, whose CRCs are right and whose offsets ascend.
 * @throws LogDamageError, DiskError, CleanerStopped
 */
export async function* runsOf(segment: Segment, pace: CleanerPace): AsyncGenerator<Uint8Array, void, undefined> {
  let buffer = Buffer.allocUnsafeSlow(Math.min(windowBytes, segment.bytes))
  let due = segment.baseOffset
  for (let position = 0; position < segment.bytes; ) {
    const wanted = Math.min(buffer.length, segment.bytes - position)
    const filled = await segment.read(buffer.subarray(0, wanted), position)
    pace.continue()
    if (filled < wanted) {
      throw new LogDamageError(segment.path, position + filled, `the file ends ${wanted - filled} bytes early`)
    }
    const end = await checkRun(segment, buffer.subarray(0, filled), position, due, pace)
    if (end === 0) {
      const needed = filled < batchHeaderBytes ? batchHeaderBytes : batchBytesOf(buffer, 0)
      if (needed > segment.bytes - position) throw new LogDamageError(segment.path, position, 'a batch is cut short')
      buffer = Buffer.allocUnsafeSlow(needed)
      continue
    }
    const run = buffer.subarray(0, end)
    yield run
    due = lastEndOf(run)
    position += end
  }
}

/** Checks the whole batches at the start of `bytes` and returns where they end. */
async function checkRun(
  segment: Segment,
  bytes: Uint8Array,
  position: number,
  firstDue: number,
  pace: CleanerPace,
): Promise<number> {
  let at = 0
  let due = firstDue
  while (bytes.length - at >= batchHeaderBytes) {
    const size = batchBytesOf(bytes, at)
    const offset = baseOffsetOf(bytes, at)
    // Of a log that a follower began anew, the first batch may begin before the start.
    const isNext = offset >= due || (position + at === 0 && lastOffsetOf(bytes, at) >= due)
    const isSound = size >= batchHeaderBytes && magicOf(bytes, at) === magicSupported && isNext
    if (!isSound || lastOffsetOf(bytes, at) >= segment.endOffset) {
      throw new LogDamageError(segment.path, position + at, `no batch for offset ${due} here`)
    }
    if (size > bytes.length - at) break
    const fault = findCrcFault(bytes.subarray(0, at + size), at)
    if (fault) throw new LogDamageError(segment.path, position + at, fault.detail)
    due = lastOffsetOf(bytes, at) + 1
    at += size
    if (pace.isDue) await pace.turn()
  }
  return at
}

function lastEndOf(run: Uint8Array): number {
  let end = 0
  for (let at = 0; at < run.length; at += batchBytesOf(run, at)) end = lastOffsetOf(run, at) + 1
  return end
}

/** The batches of a run, each as a view. */
export function* batchesOf(run: Uint8Array): Generator<Uint8Array, void, undefined> {
  for (let at = 0; at < run.length; ) {
    const end = at + batchBytesOf(run, at)
    yield run.subarray(at, end)
    at = end
  }
}
