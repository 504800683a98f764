const slabBytes = 256 * 1024
/** Larger copies have memory of their own. */
const pooledBytesMax = 16 * 1024
const zeroes = new Uint8Array(slabBytes)

let slab = new Uint8Array(slabBytes)
let used = 0

/**
 * A copy of `chunks`, which have `bytes` bytes together, that nobody writes to. Simulated disks and wires make very many small ones,
 * and memory of its own for each would cost more than the rest of them.
 */
export function copyOf(chunks: readonly Uint8Array[], bytes: number): Uint8Array {
  const [first] = chunks
  // Room that is made ahead on a disk.
  if (chunks.length === 1 && bytes > 1024 && isZero(first!)) return zeroes.subarray(0, bytes)
  const copy = take(bytes)
  let filled = 0
  for (const chunk of chunks) {
    copy.set(chunk, filled)
    filled += chunk.length
  }
  return copy
}

function take(bytes: number): Uint8Array {
  if (bytes > pooledBytesMax) return new Uint8Array(bytes)
  if (used + bytes > slabBytes) {
    slab = new Uint8Array(slabBytes)
    used = 0
  }
  used += bytes
  return new Uint8Array(slab.buffer, used - bytes, bytes)
}

function isZero(bytes: Uint8Array): boolean {
  return bytes[0] === 0 && bytes.length <= slabBytes && Buffer.compare(bytes, zeroes.subarray(0, bytes.length)) === 0
}
