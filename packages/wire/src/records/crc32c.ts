const tables = makeTables()

/** From so many bytes on, reading whole words is a quarter faster; with fewer, making the view of them costs more. */
const wordsBytesMin = 1024

/**
 * CRC-32C (Castagnoli, RFC 3720 §B.4) of `bytes`, going on from `seed`, the CRC of what came before. Without native code;
 * slicing by 16, sixteen bytes a step.
 */
export function crc32cTables(bytes: Uint8Array, seed = 0): number {
  return bytes.length < wordsBytesMin ? ofBytes(bytes, seed) : ofWords(bytes, seed)
}

function ofBytes(bytes: Uint8Array, seed: number): number {
  const t = tables
  const end = bytes.length
  let crc = ~seed
  let i = 0
  for (; i + 16 <= end; i += 16) {
    crc =
      t[3840 + ((crc ^ bytes[i]!) & 255)]! ^
      t[3584 + (((crc >>> 8) ^ bytes[i + 1]!) & 255)]! ^
      t[3328 + (((crc >>> 16) ^ bytes[i + 2]!) & 255)]! ^
      t[3072 + (((crc >>> 24) ^ bytes[i + 3]!) & 255)]! ^
      t[2816 + bytes[i + 4]!]! ^
      t[2560 + bytes[i + 5]!]! ^
      t[2304 + bytes[i + 6]!]! ^
      t[2048 + bytes[i + 7]!]! ^
      t[1792 + bytes[i + 8]!]! ^
      t[1536 + bytes[i + 9]!]! ^
      t[1280 + bytes[i + 10]!]! ^
      t[1024 + bytes[i + 11]!]! ^
      t[768 + bytes[i + 12]!]! ^
      t[512 + bytes[i + 13]!]! ^
      t[256 + bytes[i + 14]!]! ^
      t[bytes[i + 15]!]!
  }
  for (; i < end; i++) crc = (crc >>> 8) ^ t[(crc ^ bytes[i]!) & 255]!
  return ~crc >>> 0
}

function ofWords(bytes: Uint8Array, seed: number): number {
  const t = tables
  const end = bytes.length
  const words = new DataView(bytes.buffer, bytes.byteOffset, end)
  let crc = ~seed
  let i = 0
  for (; i + 16 <= end; i += 16) {
    const a = crc ^ words.getInt32(i, true)
    const b = words.getInt32(i + 4, true)
    const c = words.getInt32(i + 8, true)
    const d = words.getInt32(i + 12, true)
    crc =
      t[3840 + (a & 255)]! ^
      t[3584 + ((a >>> 8) & 255)]! ^
      t[3328 + ((a >>> 16) & 255)]! ^
      t[3072 + (a >>> 24)]! ^
      t[2816 + (b & 255)]! ^
      t[2560 + ((b >>> 8) & 255)]! ^
      t[2304 + ((b >>> 16) & 255)]! ^
      t[2048 + (b >>> 24)]! ^
      t[1792 + (c & 255)]! ^
      t[1536 + ((c >>> 8) & 255)]! ^
      t[1280 + ((c >>> 16) & 255)]! ^
      t[1024 + (c >>> 24)]! ^
      t[768 + (d & 255)]! ^
      t[512 + ((d >>> 8) & 255)]! ^
      t[256 + ((d >>> 16) & 255)]! ^
      t[d >>> 24]!
  }
  return ofBytes(bytes.subarray(i), ~crc)
}

/** Table k, at 256 k, advances a byte by k further zero bytes. */
function makeTables(): Int32Array {
  const made = new Int32Array(16 * 256)
  for (let n = 0; n < 256; n++) {
    let c = n
    for (let bit = 0; bit < 8; bit++) c = c & 1 ? (c >>> 1) ^ 0x82f63b78 : c >>> 1
    made[n] = c
  }
  for (let k = 1; k < 16; k++) {
    for (let n = 0; n < 256; n++) {
      const previous = made[(k - 1) * 256 + n]!
      made[k * 256 + n] = (previous >>> 8) ^ made[previous & 255]!
    }
  }
  return made
}
