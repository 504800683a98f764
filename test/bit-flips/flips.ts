import type { DiskWrapper } from '../crash-states/disk-wrapper.ts'
import type { Golden, Moment } from './golden.ts'
import type { Outcome } from './outcome.ts'
import { outcomeOf } from './outcome.ts'

export type MomentName = keyof Golden

/** One bit of one file of the golden directory at one of its moments. */
export interface Flip {
  moment: MomentName
  path: string
  position: number
  bit: number
}

export interface FlipFailure {
  flip: Flip
  message: string
}

export interface FlipResult {
  counts: Record<Outcome, number>
  failures: FlipFailure[]
}

/** Every bit of every file after a stop and after a kill, and of the journal at an acknowledgement. */
export function* allFlips(golden: Golden): Generator<Flip> {
  for (const moment of ['stopped', 'killed', 'acknowledged'] as const) {
    for (const [path, bytes] of golden[moment].files) {
      if (moment === 'acknowledged' && !path.endsWith('.journal')) continue
      for (let at = 0; at < bytes.length * 8; at++) yield { moment, path, position: at >> 3, bit: at & 7 }
    }
  }
}

export function flipCount(golden: Golden): number {
  let count = 0
  for (const _ of allFlips(golden)) count++
  return count
}

/**
 * Flips bits one at a time, each in a copy of the golden directory, and looks what becomes of it. Acknowledged records
 * may be taken for a torn tail only at the moment `acknowledged`.
 */
export async function tryFlips(
  golden: Golden,
  flips: Iterable<Flip>,
  options: { failuresMax: number; wrap?: DiskWrapper; progress?: (tried: number) => void },
): Promise<FlipResult> {
  const result: FlipResult = { counts: { same: 0, detected: 0, torn: 0 }, failures: [] }
  let tried = 0
  for (const flip of flips) {
    try {
      const outcome = await outcomeOf(flipped(golden[flip.moment], flip), golden[flip.moment].logs, options.wrap)
      if (outcome === 'torn' && flip.moment !== 'acknowledged') throw new Error('acknowledged records are gone')
      result.counts[outcome]++
    } catch (error) {
      result.failures.push({ flip, message: String(error) })
      if (result.failures.length >= options.failuresMax) break
    }
    options.progress?.(++tried)
  }
  return result
}

function flipped(moment: Moment, { path, position, bit }: Flip): Map<string, Uint8Array> {
  const bytes = moment.files.get(path)!.slice()
  bytes[position]! ^= 1 << bit
  return new Map(moment.files).set(path, bytes)
}
