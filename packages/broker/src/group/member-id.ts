import type { Random } from '../host/random.ts'

/** Keeps the id far below the longest string of the protocols that carry it. */
const prefixLengthMax = 255

/**
 * An id that no other member has or had: who it is for, for people, and a random UUID. A character that
 * the cut splits is replaced: half of it would not survive the way to the member and back.
 */
export function newMemberId(random: Random, prefix: string): string {
  const bytes = Buffer.from(random.bytes(16))
  bytes[6] = (bytes[6]! & 0x0f) | 0x40
  bytes[8] = (bytes[8]! & 0x3f) | 0x80
  const hex = bytes.toString('hex')
  const parts = [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)]
  return `${prefix.slice(0, prefixLengthMax).toWellFormed()}-${parts.join('-')}`
}
