import type { Histogram } from './metrics.ts'

/** The part of `Clock` that is needed; the type is not imported because telemetry is below every layer. */
export interface Ticker {
  monotonicMs(): number
  startTimer(delayMs: number, callback: () => void): { cancel(): void }
}

/** Time between two probes: often enough to meet a stall of that length, seldom enough to cost nothing. */
const intervalMs = 250

/**
 * Measures how late a timer fires, which is how long everything else waits for its turn on the event loop. Each probe is
 * observed in `histogram`, in seconds; a stall shorter than the interval may fall between two probes.
 * @returns a function that ends the measurement
 */
export function watchEventLoopDelay(ticker: Ticker, histogram: Histogram): () => void {
  let ended = false
  let timer: { cancel(): void } | undefined
  const probe = (): void => {
    const dueMs = ticker.monotonicMs() + intervalMs
    timer = ticker.startTimer(intervalMs, () => {
      if (ended) return
      histogram.observe(Math.max(0, ticker.monotonicMs() - dueMs) / 1000)
      probe()
    })
  }
  probe()
  return () => {
    ended = true
    timer?.cancel()
  }
}
