import { baseOffsetOf, batchBytesOf, lastOffsetOf, leaderEpochOf } from '../record/batch.ts'
import { findCrcFault, isPlausibleBatch } from '../record/validate.ts'

/** Why batches from a leader are refused. */
export interface RunFault {
  /** `corrupt-batch`: not whole or not intact. The others: it does not fit what is there, or the batch before it. */
  code: 'corrupt-batch' | 'offset-order' | 'epoch-order'
  /** Where in the run the batch starts. */
  position: number
  detail: string
}

/** What a run has to follow. */
export interface RunStart {
  endOffset: number
  /** Leader epoch of the last record, -1 if there is none. */
  epoch: number
  /** No batch is there: the first one may begin before `endOffset`, where the log was begun anew within it. */
  isEmpty: boolean
}

/**
 * Checks batches as a follower has fetched them: whole, each with a true CRC, each at or behind the end of the one before
 * (compaction at the leader leaves gaps), leader epochs not falling (KIP-101). The records themselves stay unopened.
 * @param run whole batches back to back
 * @returns undefined if all of them may be stored
 */
export function findRunFault(run: Uint8Array, start: RunStart): RunFault | undefined {
  let due = start.endOffset
  let { epoch } = start
  for (let at = 0; at < run.length; ) {
    const size = isPlausibleBatch(run, at, run.length) ? batchBytesOf(run, at) : 0
    if (size === 0 || size > run.length - at) return fault('corrupt-batch', at, `no whole batch at byte ${at}`)
    const baseOffset = baseOffsetOf(run, at)
    const lastOffset = lastOffsetOf(run, at)
    const begins = baseOffset >= due || (start.isEmpty && at === 0 && baseOffset >= 0 && lastOffset >= due)
    if (!begins || !Number.isSafeInteger(lastOffset)) {
      return fault('offset-order', at, `offset ${baseOffset} comes where ${due} is due`)
    }
    if (leaderEpochOf(run, at) < epoch) {
      return fault('epoch-order', at, `leader epoch ${leaderEpochOf(run, at)} comes after ${epoch}`)
    }
    const crc = findCrcFault(run, at)
    if (crc) return fault('corrupt-batch', at, `offset ${baseOffset}: ${crc.detail}`)
    due = lastOffset + 1
    epoch = leaderEpochOf(run, at)
    at += size
  }
  return undefined
}

function fault(code: RunFault['code'], position: number, detail: string): RunFault {
  return { code, position, detail }
}
