import { crc32c as native } from '@node-rs/crc32'
import { crc32cTables } from '@polylog/wire/records'

/** Below this many bytes the call into the native module costs more than JavaScript tables (docs/adr/0003). */
const nativeBytesMin = 512

/** CRC-32C (Castagnoli, RFC 3720 §B.4) of `bytes`, going on from `seed`, the CRC of what came before. */
export function crc32c(bytes: Uint8Array, seed = 0): number {
  return bytes.length < nativeBytesMin ? crc32cTables(bytes, seed) : native(bytes, seed)
}
