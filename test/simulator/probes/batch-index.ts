import type { Log } from '../../../packages/broker/src/log/log.ts'
import type { Replica } from '../../../packages/broker/src/replica/replica.ts'
import { baseOffsetOf, batchBytesOf, lastOffsetOf, leaderEpochOf } from '../../../packages/broker/src/record/batch.ts'

/** Where a batch's checksum stands. */
const crcPosition = 17
const readBytes = 1 << 20

interface Reading {
  next: number
  cutCount: number
}

/** A batch as it was found on two replicas with the same offset and epoch and other bytes. */
export interface Mismatch {
  offset: number
  epoch: number
}

/**
 * Every durable batch of one partition that any of its replicas ever had, by offset and leader epoch: a leader writes an
 * offset once in an epoch, so all replicas must have the same bytes there (LogMatching).
 */
export class BatchIndex {
  readonly #checksums = new Map<string, number>()
  readonly #readings = new WeakMap<Log, Reading>()

  /** Notes what has become durable in the memory of `log` since it was looked at last. What has left it is passed over. */
  read(log: Log): Mismatch[] {
    const reading = this.#readings.get(log) ?? { next: log.tail.startOffset, cutCount: log.cutCount }
    this.#readings.set(log, reading)
    if (reading.cutCount !== log.cutCount) reading.next = Math.min(reading.next, log.endOffset)
    reading.cutCount = log.cutCount
    const from = Math.max(reading.next, log.tail.startOffset)
    if (from >= log.durableOffset) return []
    const { chunks, release } = log.tail.read(from, log.durableOffset, readBytes, true)
    const mismatches: Mismatch[] = []
    for (const chunk of chunks) {
      for (const batch of batchesOf(chunk)) {
        reading.next = batch.endOffset
        if (!this.#isSame(batch)) mismatches.push(batch)
      }
    }
    release()
    return mismatches
  }

  #isSame({ offset, epoch, checksum }: Batch): boolean {
    const key = `${offset}@${epoch}`
    const known = this.#checksums.get(key)
    if (known === undefined) this.#checksums.set(key, checksum)
    return known === undefined || known === checksum
  }
}

interface Batch extends Mismatch {
  endOffset: number
  checksum: number
}

function* batchesOf(chunk: Uint8Array): Iterable<Batch> {
  const view = new DataView(chunk.buffer, chunk.byteOffset, chunk.byteLength)
  for (let at = 0; at < chunk.length; at += batchBytesOf(chunk, at)) {
    const checksum = view.getUint32(at + crcPosition)
    const place = { offset: baseOffsetOf(chunk, at), endOffset: lastOffsetOf(chunk, at) + 1 }
    yield { ...place, epoch: leaderEpochOf(chunk, at), checksum }
  }
}

/**
 * All batches of a replica from `from` on, as texts that are equal if the batches are. It is read as a follower would, so that
 * damage is noticed as it is then.
 * @throws what `readForReplica` throws
 */
export async function describeBatches(replica: Replica, from: number): Promise<string[]> {
  const found: string[] = []
  for (let next = from; next < replica.durableOffset; ) {
    const { chunks, bytes, release } = await replica.readForReplica({
      offset: next,
      bytesMax: readBytes,
      atLeastOne: true,
    })
    for (const chunk of chunks) {
      for (const { offset, endOffset, epoch, checksum } of batchesOf(chunk)) {
        found.push(`${offset} to ${endOffset} of epoch ${epoch}, checksum ${checksum}`)
        next = endOffset
      }
    }
    release()
    if (bytes === 0) break
  }
  return found
}
