import { readFileSync } from 'node:fs'

const sampleMs = 50
/** Real-time tests allow for pauses of a second; half of that, seen by a process with nothing to do, is a sick machine. */
const stallMsMax = 500
const withheldShareMax = 0.1

/** What the machine did to whatever ran on it meanwhile. */
export interface Stalls {
  /** Longest time by which a timer of an idle process fired late. */
  readonly worstMs: number
  /** Share of the processors' time that the host gave to others, 0 to 1. */
  readonly withheldShare: number
}

/** Whether tests that depend on real time can be blamed for what happened. */
export function isSick({ worstMs, withheldShare }: Stalls): boolean {
  return worstMs > stallMsMax || withheldShare > withheldShareMax
}

/** Watches the machine until `end`. */
export class StallWatch {
  #worstMs = 0
  #dueMs = performance.now() + sampleMs
  readonly #before = processorTimes()
  readonly #timer = setInterval(() => {
    const nowMs = performance.now()
    this.#worstMs = Math.max(this.#worstMs, nowMs - this.#dueMs)
    this.#dueMs = nowMs + sampleMs
  }, sampleMs)

  end(): Stalls {
    clearInterval(this.#timer)
    const after = processorTimes()
    const total = after.total - this.#before.total
    const withheldShare = total > 0 ? (after.withheld - this.#before.withheld) / total : 0
    return { worstMs: this.#worstMs, withheldShare }
  }
}

/** Ticks since boot, of all processors together: in all, and those withheld by the host (`steal`, proc(5)). */
export function processorTimes(text = statText()): { total: number; withheld: number } {
  const line = text.split('\n').find((candidate) => candidate.startsWith('cpu '))
  const ticks = (line ?? '').split(/\s+/).slice(1, 9).map(Number)
  return { total: ticks.reduce((sum, each) => sum + each, 0), withheld: ticks[7] ?? 0 }
}

/** Empty where there is no such file, as on macOS: then only the timer tells. */
function statText(): string {
  try {
    return readFileSync('/proc/stat', 'utf8')
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return ''
    throw error
  }
}
