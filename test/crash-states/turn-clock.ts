import type { Clock, Timer } from '../../packages/broker/src/host/clock.ts'

/** A clock that stands still: turns end, time never passes. For stores on a memory disk, which never wait. */
export class TurnClock implements Clock {
  nowMs(): number {
    return 1_767_225_600_000
  }

  monotonicMs(): number {
    return 0
  }

  startTimer(): Timer {
    return { cancel: () => undefined }
  }

  endOfTurn(callback: () => void): void {
    setImmediate(callback)
  }
}
