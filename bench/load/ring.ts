import { produceFrame } from './frame.ts'
import type { Batch } from './frame.ts'

/** Small frames get a ring long enough to write hundreds at once; large ones are bounded by memory instead. */
const RING_FRAMES = 1024
const RING_BYTES_MAX = 32 * 1024 * 1024

/**
 * Produce frames laid end to end in one buffer, partitions of one leader in rotation, correlation ids 0..frames-1. Sending the next k
 * requests is one write of one slice: nothing is copied or patched per request, and because brokers answer a connection
 * in order, the id of each answer is known. All connections share the ring, each with a cursor of its own.
 */
export interface FrameRing {
  readonly bytes: Buffer
  /** Start of each frame, and the end of the last: `frames + 1` entries. */
  readonly starts: Uint32Array
  readonly frames: number
}

/** The number of frames is a multiple of that of the partitions, so that a wrap of the ring does not favour the first ones. */
export function frameRing(topic: string, partitions: readonly number[], batch: Batch): FrameRing {
  const frameBytes = produceFrame(topic, 0, batch.bytes).length
  const wanted = Math.min(RING_FRAMES, Math.floor(RING_BYTES_MAX / frameBytes))
  const frames = Math.max(1, Math.ceil(wanted / partitions.length)) * partitions.length
  const bytes = Buffer.allocUnsafeSlow(frames * frameBytes)
  const starts = new Uint32Array(frames + 1)
  for (let i = 0; i < frames; i++) {
    const frame = produceFrame(topic, partitions[i % partitions.length]!, batch.bytes, i)
    bytes.set(frame, i * frameBytes)
    starts[i + 1] = (i + 1) * frameBytes
  }
  return { bytes, starts, frames }
}
