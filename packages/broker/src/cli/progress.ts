import { formatBytes, formatCount } from './table.ts'
import type { Terminal } from './terminal.ts'

const redrawMs = 100
const barColumns = 24

export type ProgressUnit = 'bytes' | 'records' | 'replicas'

/** A line on stderr that tells how far long work is; silent where no person looks. */
export class Progress {
  readonly #terminal: Terminal
  readonly #label: string
  readonly #unit: ProgressUnit
  readonly #total: number | undefined
  readonly #startedMs: number
  readonly #nowMs: () => number
  #drawnMs = Number.NEGATIVE_INFINITY
  #done = 0

  /** @param total undefined if it is not known; then there is no bar, only the count and the rate */
  constructor(
    terminal: Terminal,
    label: string,
    options: { unit: ProgressUnit; total?: number | undefined; nowMs?: () => number },
  ) {
    this.#terminal = terminal
    this.#label = label
    this.#unit = options.unit
    this.#total = options.total
    this.#nowMs = options.nowMs ?? (() => performance.now())
    this.#startedMs = this.#nowMs()
  }

  /** So much is done now, in all. */
  update(done: number): void {
    this.#done = done
    const now = this.#nowMs()
    if (!this.#terminal.isInteractive || now - this.#drawnMs < redrawMs) return
    this.#drawnMs = now
    this.#terminal.draw(`\r\x1b[K${progressLine(this.#label, this.#unit, done, this.#total, now - this.#startedMs)}`)
  }

  /** Takes the line away. */
  end(): void {
    if (this.#drawnMs !== Number.NEGATIVE_INFINITY) this.#terminal.draw('\r\x1b[K')
  }

  get done(): number {
    return this.#done
  }
}

/** `consuming [#####-----] 42 %  1,234 of 3,000 records, 512/s`. */
export function progressLine(
  label: string,
  unit: ProgressUnit,
  done: number,
  total: number | undefined,
  elapsedMs: number,
): string {
  const format = unit === 'bytes' ? formatBytes : formatCount
  const rate = elapsedMs < 1 ? '' : `, ${format((done / elapsedMs) * 1000)}/s`
  const noun = unit === 'bytes' ? '' : ` ${unit}`
  if (total === undefined || total <= 0) return `${label}  ${format(done)}${noun}${rate}`
  const share = Math.min(1, done / total)
  const filled = Math.round(share * barColumns)
  const bar = '#'.repeat(filled) + '-'.repeat(barColumns - filled)
  return `${label} [${bar}] ${Math.floor(share * 100)} %  ${format(done)} of ${format(total)}${noun}${rate}`
}
