const table = makeTable()

/** CRC-32C (Castagnoli, RFC 3720 §B.4), four bytes a step. */
export function crc32c(bytes: Uint8Array): number {
  const t = table
  let crc = ~0
  let i = 0
  for (; i + 4 <= bytes.length; i += 4) {
    crc =
      t[768 + ((crc ^ bytes[i]!) & 255)]! ^
      t[512 + (((crc >>> 8) ^ bytes[i + 1]!) & 255)]! ^
      t[256 + (((crc >>> 16) ^ bytes[i + 2]!) & 255)]! ^
      t[((crc >>> 24) ^ bytes[i + 3]!) & 255]!
  }
  for (; i < bytes.length; i++) crc = (crc >>> 8) ^ t[(crc ^ bytes[i]!) & 255]!
  return ~crc >>> 0
}

/** Table k, at 256 k, advances a byte by k further zero bytes. */
function makeTable(): Int32Array {
  const made = new Int32Array(4 * 256)
  for (let n = 0; n < 256; n++) {
    let c = n
    for (let bit = 0; bit < 8; bit++) c = c & 1 ? (c >>> 1) ^ 0x82f63b78 : c >>> 1
    made[n] = c
  }
  for (let n = 256; n < made.length; n++) {
    const previous = made[n - 256]!
    made[n] = (previous >>> 8) ^ made[previous & 255]!
  }
  return made
}
