/** Middle and ends of some measurements, rounded. */
export interface Spread {
  readonly count: number
  readonly least: number
  readonly p50: number
  readonly p99: number
  readonly most: number
}

export function spreadOf(values: readonly number[]): Spread {
  const sorted = values.toSorted((a, b) => a - b)
  // Nearest rank: with fewer than a hundred measurements the 99th percentile is the largest.
  const at = (share: number): number => Math.round(sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? 0)
  return { count: values.length, least: at(0), p50: at(0.5), p99: at(0.99), most: at(1) }
}
