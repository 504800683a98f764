const scratch = new DataView(new ArrayBuffer(8))

/** Folds all that happens into 64 bits: two runs with the same hash did the same things in the same order. */
export class EventHash {
  #low = 0x811c9dc5
  #high = 0x27d4eb2f

  foldNumber(value: number): void {
    scratch.setFloat64(0, value)
    this.#fold(scratch.getUint32(0))
    this.#fold(scratch.getUint32(4))
  }

  foldText(text: string): void {
    for (let index = 0; index < text.length; index += 1) this.#fold(text.charCodeAt(index))
    this.#fold(0x10000)
  }

  foldBytes(bytes: Uint8Array): void {
    this.#fold(bytes.length)
    for (const byte of bytes) this.#fold(byte)
  }

  /** 16 hexadecimal digits. */
  digest(): string {
    return (this.#high >>> 0).toString(16).padStart(8, '0') + (this.#low >>> 0).toString(16).padStart(8, '0')
  }

  #fold(word: number): void {
    this.#low = Math.imul(this.#low ^ word, 0x01000193)
    const mixed = Math.imul(this.#high ^ word ^ (this.#low >>> 15), 0x85ebca6b)
    this.#high = (mixed << 13) | (mixed >>> 19)
  }
}
