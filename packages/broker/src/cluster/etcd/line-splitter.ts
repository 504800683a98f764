/** Cuts a stream of bytes into its lines. */
export class LineSplitter {
  readonly #lineBytesMax: number
  #parts: Uint8Array[] = []
  #size = 0

  constructor(lineBytesMax: number) {
    this.#lineBytesMax = lineBytesMax
  }

  /** The lines that `chunk` completes, without empty ones. Throws RangeError when a line gets too long. */
  push(chunk: Uint8Array): string[] {
    const lines: string[] = []
    let start = 0
    for (;;) {
      const end = chunk.indexOf(0x0a, start)
      const part = chunk.subarray(start, end < 0 ? chunk.length : end)
      this.#size += part.length
      if (this.#size > this.#lineBytesMax) throw new RangeError(`a line has more than ${this.#lineBytesMax} bytes`)
      this.#parts.push(part)
      if (end < 0) return lines
      const line = Buffer.concat(this.#parts, this.#size).toString()
      this.#parts = []
      this.#size = 0
      if (line.trim() !== '') lines.push(line)
      start = end + 1
    }
  }
}
