import type { FetchResponse } from '@polylog/wire'
import type { Recorder } from './recorder.ts'
import { readRecords } from './record-values.ts'

/**
 * Writes down what a Fetch answered for one log, records or "out of range".
 * @returns the offset to go on from; undefined if it was out of range
 */
export function recordPoll(
  recorder: Recorder,
  answer: FetchResponse['responses'][number]['partitions'][number],
  asked: { begin: number; from: number; log: string; consumer: string },
): number | undefined {
  const { highWatermark, logStartOffset: logStart } = answer
  const isOutOfRange = answer.errorCode !== 0
  const { records, next } = readRecords(answer.records ?? Buffer.alloc(0), asked.from)
  const outcome = isOutOfRange ? 'out-of-range' : 'ok'
  recorder.history.polls.push({ ...asked, end: recorder.tick(), outcome, records, highWatermark, logStart })
  if (isOutOfRange) return undefined
  recorder.acknowledgedCount += 1
  return next
}
