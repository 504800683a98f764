/** Zig-zag varints as records use them, for numbers of up to 2^53. */

export function varintBytes(value: number): number {
  let rest = zigZag(value)
  let bytes = 1
  while (rest >= 128) {
    rest = Math.floor(rest / 128)
    bytes++
  }
  return bytes
}

/** Writes `value` at `at` and returns the position behind it. */
export function writeVarint(target: Uint8Array, at: number, value: number): number {
  let rest = zigZag(value)
  while (rest >= 128) {
    target[at++] = (rest % 128) | 128
    rest = Math.floor(rest / 128)
  }
  target[at++] = rest
  return at
}

function zigZag(value: number): number {
  return value >= 0 ? value * 2 : -value * 2 - 1
}
