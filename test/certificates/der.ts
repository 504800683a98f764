/** As much of ASN.1's DER (X.690) as a certificate needs. Each function returns the bytes of one value. */

/** A value of this tag, with its length in front. */
export function value(tag: number, ...contents: readonly Uint8Array[]): Buffer {
  const content = Buffer.concat(contents)
  const { length } = content
  const size = length < 0x80 ? [length] : length < 0x100 ? [0x81, length] : [0x82, length >> 8, length & 0xff]
  return Buffer.concat([Buffer.of(tag, ...size), content])
}

export function sequence(...contents: readonly Uint8Array[]): Buffer {
  return value(0x30, ...contents)
}

export function set(...contents: readonly Uint8Array[]): Buffer {
  return value(0x31, ...contents)
}

/** A whole number without sign, whose first byte is not 0. */
export function integer(bytes: Uint8Array): Buffer {
  return value(0x02, Buffer.alloc(bytes[0]! >= 0x80 ? 1 : 0), bytes)
}

export function boolean(is: boolean): Buffer {
  return value(0x01, Buffer.of(is ? 0xff : 0))
}

export function bitString(bytes: Uint8Array): Buffer {
  return value(0x03, Buffer.of(0), bytes)
}

export function octets(bytes: Uint8Array): Buffer {
  return value(0x04, bytes)
}

export function utf8(text: string): Buffer {
  return value(0x0c, Buffer.from(text))
}

/** `2.5.29.17`; each part below 2^14. */
export function objectId(dotted: string): Buffer {
  const [first, second, ...rest] = dotted.split('.').map(Number) as [number, number, ...number[]]
  const bytes = rest.flatMap((part) => {
    const groups = [part & 0x7f]
    for (let left = part >> 7; left > 0; left >>= 7) groups.unshift((left & 0x7f) | 0x80)
    return groups
  })
  return value(0x06, Buffer.of(first * 40 + second, ...bytes))
}

/** UTC with a year of four figures. */
export function time(date: Date): Buffer {
  const text = `${date.toISOString().replace(/[-:T]/g, '').slice(0, 14)}Z`
  return value(0x18, Buffer.from(text))
}
