import type { Clock } from '../clock.ts'

/** The clock of a process that tests can kill: once it is dead, nothing is called back. */
export function mortalClock(real: Clock, isDead: () => boolean): Clock {
  const living = (callback: () => void) => (): void => {
    if (!isDead()) callback()
  }
  return {
    nowMs: () => real.nowMs(),
    monotonicMs: () => real.monotonicMs(),
    startTimer: (delayMs, callback) => real.startTimer(delayMs, living(callback)),
    endOfTurn: (callback) => real.endOfTurn(living(callback)),
  }
}
