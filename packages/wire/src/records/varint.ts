// Zigzag varints of records: 0, -1, 1, -2 … become 0, 1, 2, 3 …, seven bits a byte, least significant group first.

/** Bytes taken by a signed integer of up to 53 bits. */
export function varintSize(value: number): number {
  let rest = zigzag(value)
  let size = 1
  while (rest >= 128) {
    rest = Math.floor(rest / 128)
    size++
  }
  return size
}

/** Writes a signed integer of up to 53 bits; the caller has made room. Returns the position after it. */
export function putVarint(target: Uint8Array, position: number, value: number): number {
  let rest = zigzag(value)
  let next = position
  while (rest >= 128) {
    target[next++] = (rest % 128) | 128
    rest = Math.floor(rest / 128)
  }
  target[next++] = rest
  return next
}

function zigzag(value: number): number {
  return value < 0 ? -2 * value - 1 : 2 * value
}
