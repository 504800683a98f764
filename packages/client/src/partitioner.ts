/** The hash that Kafka's clients choose partitions by: murmur2, 32 bits, with Kafka's seed. */
export function murmur2(bytes: Uint8Array): number {
  const m = 0x5bd1e995
  const end = bytes.length & ~3
  let h = 0x9747b28c ^ bytes.length
  for (let i = 0; i < end; i += 4) {
    let k = bytes[i]! | (bytes[i + 1]! << 8) | (bytes[i + 2]! << 16) | (bytes[i + 3]! << 24)
    k = Math.imul(k, m)
    k ^= k >>> 24
    h = Math.imul(h, m) ^ Math.imul(k, m)
  }
  const rest = bytes.length - end
  if (rest === 3) h ^= bytes[end + 2]! << 16
  if (rest >= 2) h ^= bytes[end + 1]! << 8
  if (rest >= 1) h = Math.imul(h ^ bytes[end]!, m)
  h = Math.imul(h ^ (h >>> 13), m)
  return h ^ (h >>> 15)
}

/** Partition of a key, the same that Java and franz-go choose. */
export function partitionOf(key: Uint8Array, partitionCount: number): number {
  return (murmur2(key) & 0x7fffffff) % partitionCount
}
