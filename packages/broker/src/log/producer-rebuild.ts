import { batchBytesOf, batchHeaderBytes, lastOffsetOf, producerIdOf } from '../record/batch.ts'
import { LogDamageError } from './log-damage.ts'
import type { Log } from './log.ts'
import type { ProducerState } from './producer-state.ts'

const windowOffsetsMin = 1024
const readBytes = 1 << 20
/** A producer that wrote nothing in so many bytes is forgotten, as one that has expired. */
const searchBytesMax = 256 << 20

/**
 * The idempotent producers of `log` as they stood when it ended at `offset`. What the state has lost of their batches
 * since, because newer ones took their place, is read from the log again, newest first. Damage ends the search.
 * @throws DiskError
 */
export async function producersBefore(log: Log, offset: number): Promise<ProducerState> {
  const state = log.producers.copy()
  await findOlderBatches(log, state, state.truncateEnd(offset), offset)
  return state
}

/**
 * Reads `log` backwards from `offset`, a batch boundary, for older batches of `producerIds` until each is complete.
 * @throws DiskError
 */
export async function findOlderBatches(
  log: Log,
  state: ProducerState,
  producerIds: Iterable<number>,
  offset: number,
): Promise<void> {
  const wanted = new Set(producerIds)
  let readTotal = 0
  let span = windowOffsetsMin
  for (let end = offset; wanted.size > 0 && end > log.startOffset && readTotal < searchBytesMax; span *= 2) {
    const start = Math.max(log.startOffset, end - span)
    try {
      readTotal += await searchWindow(log, state, wanted, start, end)
    } catch (error) {
      if (!(error instanceof LogDamageError)) throw error
      return
    }
    end = start
  }
}

/** Looks at the batches that end in the window. @returns bytes read */
async function searchWindow(
  log: Log,
  state: ProducerState,
  wanted: Set<number>,
  start: number,
  end: number,
): Promise<number> {
  const found: Uint8Array[] = []
  let bytes = 0
  for (let offset = start; offset < end; ) {
    const read = await log.read(offset, end, readBytes, true)
    try {
      if (read.bytes === 0) break
      bytes += read.bytes
      for (const chunk of read.chunks) {
        for (let at = 0; at < chunk.length; at += batchBytesOf(chunk, at)) {
          offset = lastOffsetOf(chunk, at) + 1
          if (!wanted.has(producerIdOf(chunk, at))) continue
          // A copy, for the memory goes back to the pool.
          found.push(Uint8Array.prototype.slice.call(chunk, at, at + batchHeaderBytes))
        }
      }
    } finally {
      read.release()
    }
  }
  for (const header of found.toReversed()) {
    if (!state.applyOlder(header, 0)) wanted.delete(producerIdOf(header, 0))
  }
  return bytes
}
