import type { Terminal } from './terminal.ts'

/** A block of lines on a terminal that is drawn again in its place. */
export class Screen {
  readonly #terminal: Terminal
  #lineCount = 0

  constructor(terminal: Terminal) {
    this.#terminal = terminal
  }

  /**
   * Draws the block over the one before, and leaves the cursor below it. `rowsBelow`: rows that have come under it since,
   * such as a line that was typed.
   */
  draw(text: string, rowsBelow = 0): void {
    const lines = this.#linesOf(text)
    const up = this.#lineCount === 0 ? 0 : this.#lineCount + rowsBelow
    const back = up === 0 ? '\r\x1b[J' : `\r\x1b[${up}A\x1b[J`
    this.#terminal.draw(back + lines.map((line) => `${line}\n`).join(''))
    this.#lineCount = lines.length
  }

  /** Draws a block of the same height over the one before, and leaves the cursor, and what is typed there, alone. */
  refresh(text: string): void {
    const lines = this.#linesOf(text)
    if (lines.length !== this.#lineCount) return this.draw(text)
    const drawn = lines.map((line) => `${line}\x1b[K\n`).join('')
    this.#terminal.draw(`\x1b7\r\x1b[${lines.length}A${drawn}\x1b8`)
  }

  /** Lines are cut to the width of the terminal, for one that wraps would take two rows. */
  #linesOf(text: string): string[] {
    return text
      .trimEnd()
      .split('\n')
      .map((line) => line.slice(0, this.#terminal.columns - 1))
  }
}
