import type { Log } from '../../packages/broker/src/log/log.ts'
import type { LogStore } from '../../packages/broker/src/log/store.ts'
import { baseOffsetOf, batchBytesOf, leaderEpochOf, producerIdOf } from '../../packages/broker/src/record/batch.ts'
import { BrokenPromise } from './broken-promise.ts'
import { checkCompacted } from './compacted.ts'
import type { Expectation, ExpectedLog, TakenBatch } from './expectation.ts'
import { endBefore } from './expectation.ts'

/**
 * Checks a recovered store against what its users know: every acknowledged record with the same bytes at the same
 * offset, nothing that was never appended, no hole, deleted logs gone, cuts and starts as acknowledged.
 * @throws BrokenPromise
 */
export async function checkStore(store: LogStore, expectation: Expectation): Promise<void> {
  const seen = new Set<Log>()
  for (const expected of expectation.logs.values()) {
    const log = store.get(expected.name)
    const found = log?.id === expected.id ? log : undefined
    if (!found && expected.presence === 'must') throw new BrokenPromise(`log ${nameOf(expected)} is gone`)
    if (found && expected.presence === 'never') throw new BrokenPromise(`deleted log ${nameOf(expected)} is back`)
    if (!found) continue
    seen.add(found)
    await checkLog(found, expected)
  }
  for (const log of store.logs()) {
    if (!seen.has(log)) throw new BrokenPromise(`log ${log.name} (${log.id}) was never made`)
  }
}

async function checkLog(log: Log, expected: ExpectedLog): Promise<void> {
  const name = nameOf(expected)
  if (log.damage !== undefined) throw new BrokenPromise(`${name} is called damaged: ${log.damage}`)
  const { startOffset, startOffsetAsked, truncateOffsetAsked, restartOffsetAsked } = expected
  if (log.startOffset === restartOffsetAsked && log.endOffset === restartOffsetAsked) {
    if (log.epochs.latest >= 0 || log.producers.size > 0)
      throw new BrokenPromise(`${name} is new and knows of the old one`)
    return
  }
  if (log.startOffset !== startOffset && log.startOffset !== startOffsetAsked) {
    throw new BrokenPromise(`${name} starts at ${log.startOffset}, not at ${startOffset}`)
  }
  const cutEnd = truncateOffsetAsked === undefined ? Infinity : endBefore(expected, truncateOffsetAsked)
  const least = Math.min(expected.acknowledgedOffset, cutEnd)
  if (log.endOffset < least) throw new BrokenPromise(`${name} ends at ${log.endOffset}, ${least} was acknowledged`)
  if (log.endOffset < log.startOffset) {
    throw new BrokenPromise(`${name} ends at ${log.endOffset} before its start ${log.startOffset}`)
  }
  if (log.durableOffset !== log.endOffset) throw new BrokenPromise(`${name} is not durable after its recovery`)
  // A log may begin in the middle of its first batch; an empty one has nothing of it.
  const due = expected.batches.filter(
    (batch) => batch.endOffset > log.startOffset && Math.max(batch.baseOffset, log.startOffset) < log.endOffset,
  )
  const lastDue = due.at(-1)
  if ((lastDue?.endOffset ?? log.startOffset) !== log.endOffset) {
    throw new BrokenPromise(`${name} ends at ${log.endOffset}, in the middle of or behind what was appended`)
  }
  await (expected.wasCompacted ? checkCompacted(log, due, name) : checkBatches(log, due, name))
  checkProducers(log, due, expected, name)
}

async function checkBatches(log: Log, due: readonly TakenBatch[], name: string): Promise<void> {
  let index = 0
  let offset = log.startOffset
  while (offset < log.endOffset) {
    const read = await log.read(offset, log.endOffset, 1 << 20, true)
    if (read.bytes === 0) throw new BrokenPromise(`${name}: nothing at ${offset}, the log ends at ${log.endOffset}`)
    for (const chunk of read.chunks) {
      for (let at = 0; at < chunk.length; at += batchBytesOf(chunk, at)) {
        const bytes = chunk.subarray(at, at + batchBytesOf(chunk, at))
        const batch = due[index++]
        if (!batch || Buffer.compare(bytes, batch.bytes) !== 0) {
          throw new BrokenPromise(`${name}: other bytes than were appended at ${baseOffsetOf(chunk, at)}`)
        }
        if (log.epochs.epochAt(Math.max(batch.baseOffset, log.startOffset)) !== leaderEpochOf(bytes, 0)) {
          throw new BrokenPromise(`${name}: the epoch cache does not know the epoch of ${batch.baseOffset}`)
        }
        offset = batch.endOffset
      }
    }
    read.release()
  }
}

/**
 * The last batch of each producer must be known as such, or a client's retry would be stored twice. Only one that was
 * acknowledged may be forgotten, if compaction has dropped it for a later one that was then lost.
 */
function checkProducers(log: Log, due: readonly TakenBatch[], expected: ExpectedLog, name: string): void {
  const last = new Map<number, TakenBatch>()
  for (const batch of due) {
    const producerId = producerIdOf(batch.bytes, 0)
    if (producerId >= 0) last.set(producerId, batch)
  }
  for (const [producerId, batch] of last) {
    const verdict = log.producers.judge(batch.bytes)
    const isForgotten = verdict.kind === 'next' && expected.wasCompacted
    if (isForgotten && batch.endOffset <= expected.acknowledgedOffset) continue
    if (verdict.kind === 'duplicate' && verdict.batch.baseOffset === batch.baseOffset) continue
    throw new BrokenPromise(`${name}: a retry of producer ${producerId} at ${batch.baseOffset} is "${verdict.kind}"`)
  }
}

function nameOf(expected: ExpectedLog): string {
  return `${expected.name} (${expected.id})`
}
