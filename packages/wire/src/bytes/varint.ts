/** Bytes taken by `value` (0 to 2^32 - 1) as an unsigned base-128 varint: 1 to 5. */
export function unsignedVarintSize(value: number): number {
  if (value < 0x80) return 1
  if (value < 0x4000) return 2
  if (value < 0x200000) return 3
  return value < 0x10000000 ? 4 : 5
}

/**
 * Writes `value` (0 to 2^32 - 1) as an unsigned varint, least significant group first.
 * The caller has made room; returns the position after the last byte.
 */
export function putUnsignedVarint(target: Uint8Array, position: number, value: number): number {
  let rest = value
  let next = position
  while (rest >= 0x80) {
    target[next++] = (rest & 0x7f) | 0x80
    rest >>>= 7
  }
  target[next++] = rest
  return next
}
