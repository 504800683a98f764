/** `fsync`: acknowledged means on disk. `os`: in the page cache. `memory`: the directory is in memory anyway. */
export type Durability = 'fsync' | 'os' | 'memory'

export interface LogSettings {
  durability: Durability
  /** A segment is followed by a new one before it grows beyond this. */
  segmentBytes: number
  /** … or when its first batch is this old. */
  segmentMs: number
  /** Segments are closed up to this much earlier, each by another time, so that not all logs roll at once. */
  segmentJitterMs: number
  /** … or when its index is this large. */
  segmentIndexBytes: number
  indexIntervalBytes: number
}

/** `segmentMs` less a jitter that is the same whenever it is asked for: a hash of log and segment. */
export function rollAgeMs({ segmentMs, segmentJitterMs }: LogSettings, logId: number, baseOffset: number): number {
  if (segmentJitterMs === 0) return segmentMs
  const share = (Math.imul(logId + 1, 0x9e3779b1) ^ Math.imul(baseOffset + 1, 0x85ebca6b)) >>> 0
  return Math.max(segmentMs - (share / 2 ** 32) * segmentJitterMs, 1)
}
