const BATCH_HEADER_BYTES = 61

/** Calls `visit` with the offset of each record of whole batches that follow each other, and where its value begins. */
export function walkRecords(batches: Buffer, visit: (offset: number, valueAt: number) => void): void {
  const cursor = new Cursor(batches)
  for (let at = 0; batches.length - at >= BATCH_HEADER_BYTES; ) {
    const end = at + 12 + batches.readInt32BE(at + 8)
    if (end > batches.length) return
    const baseOffset = batches.readUInt32BE(at) * 2 ** 32 + batches.readUInt32BE(at + 4)
    cursor.position = at + BATCH_HEADER_BYTES
    for (let left = batches.readInt32BE(at + 57); left > 0; left--) {
      const recordBytes = cursor.varint()
      const recordEnd = cursor.position + recordBytes
      cursor.position++
      cursor.varint()
      const offset = baseOffset + cursor.varint()
      cursor.position += Math.max(0, cursor.varint())
      cursor.varint()
      visit(offset, cursor.position)
      cursor.position = recordEnd
    }
    at = end
  }
}

class Cursor {
  readonly #bytes: Buffer
  position = 0

  constructor(bytes: Buffer) {
    this.#bytes = bytes
  }

  /** The zig-zag integer of records. */
  varint(): number {
    let raw = 0
    for (let shift = 0; shift < 35; shift += 7) {
      const byte = this.#bytes[this.position++]!
      raw |= (byte & 0x7f) << shift
      if (byte < 0x80) break
    }
    return (raw >>> 1) ^ -(raw & 1)
  }
}
