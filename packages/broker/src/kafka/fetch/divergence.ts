import type { Partition } from '../../topic/partition.ts'
import { isLost } from '../find-partition.ts'
import type { FetchEntry } from './fetch-entry.ts'

/**
 * Where the fetcher's log parts from this one, judged by the epoch of its last record (KIP-595). An epoch of -1 says that
 * nothing is known of that epoch or of any before it, so that there is no place to cut at.
 */
export function findDivergence(
  partition: Partition,
  entry: FetchEntry,
): { leaderEpoch: number; endOffset: number } | undefined {
  if (entry.lastFetchedEpoch < 0) return undefined
  const end = partition.endOfEpoch(entry.lastFetchedEpoch)
  return end.leaderEpoch < entry.lastFetchedEpoch || end.endOffset < entry.fetchOffset ? end : undefined
}

/**
 * Whether the answer hangs on records that the log is known to lack. "Out of range" or "your log parts from mine here" would
 * then have a consumer skip them, and a follower cut off what may be the last copy.
 */
export function hangsOnLostRecords(
  partition: Partition,
  fetchOffset: number,
  divergence: { endOffset: number } | undefined,
): boolean {
  return isLost(partition, Math.max(fetchOffset, divergence?.endOffset ?? -1))
}
