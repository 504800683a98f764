const SUB_BUCKET_BITS = 6
const SUB_BUCKETS = 1 << SUB_BUCKET_BITS
/** 2^31 us is 36 minutes; nothing a benchmark waits for is longer. */
const VALUE_BITS_MAX = 31
const BUCKETS = (VALUE_BITS_MAX - SUB_BUCKET_BITS + 1) * SUB_BUCKETS

/**
 * Counts of latencies in microseconds, in buckets whose width grows with the value (64 per power of two), so every
 * percentile is right to 1.6 % at constant memory, however many values arrive.
 */
export class Histogram {
  readonly #counts = new Float64Array(BUCKETS)
  #count = 0
  #valueMax = 0

  /** Adds one value in microseconds; fractions are cut off, negative values count as 0. */
  record(valueUs: number): void {
    const value = valueUs < 0 ? 0 : valueUs > 0x7fff_ffff ? 0x7fff_ffff : valueUs | 0
    this.#counts[bucketOf(value)]!++
    this.#count++
    if (value > this.#valueMax) this.#valueMax = value
  }

  /** Adds everything `other` has counted. */
  merge(other: Histogram): void {
    for (let i = 0; i < BUCKETS; i++) this.#counts[i]! += other.#counts[i]!
    this.#count += other.#count
    this.#valueMax = Math.max(this.#valueMax, other.#valueMax)
  }

  clear(): void {
    this.#counts.fill(0)
    this.#count = 0
    this.#valueMax = 0
  }

  get count(): number {
    return this.#count
  }

  /** The largest value, exactly. */
  get max(): number {
    return this.#valueMax
  }

  /** The upper edge, in microseconds, of the bucket in which the given share (0..1) of all values is reached; 0 when empty. */
  quantile(share: number): number {
    const wanted = Math.max(1, Math.ceil(share * this.#count))
    let seen = 0
    for (let i = 0; i < BUCKETS; i++) {
      seen += this.#counts[i]!
      if (seen >= wanted) return Math.min(upperEdge(i), this.#valueMax)
    }
    return this.#valueMax
  }
}

function bucketOf(value: number): number {
  if (value < SUB_BUCKETS) return value
  // The leading bit picks the group, the next six bits the bucket within it; group 0 holds the exact small values.
  const shift = 31 - Math.clz32(value) - SUB_BUCKET_BITS
  return (shift + 1) * SUB_BUCKETS + ((value >> shift) - SUB_BUCKETS)
}

function upperEdge(bucket: number): number {
  if (bucket < SUB_BUCKETS) return bucket
  const shift = Math.floor(bucket / SUB_BUCKETS) - 1
  return (SUB_BUCKETS + (bucket % SUB_BUCKETS) + 1) * 2 ** shift - 1
}
