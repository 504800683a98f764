import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import type { Clock } from '../../packages/broker/src/host/clock.ts'
import type { Stage } from './stage.ts'

export interface ClockSubject extends Stage {
  clock: Clock
}

/** What every Clock must do. */
export function describeClockContract(name: string, make: () => ClockSubject): void {
  describe(`Clock: ${name}`, () => {
    it('tells whole milliseconds of this century and never goes back in monotonic time', async () => {
      const { clock, until } = make()
      assert.ok(Number.isInteger(clock.nowMs()))
      assert.ok(clock.nowMs() > Date.UTC(2025, 0) && clock.nowMs() < Date.UTC(2100, 0))
      let lastMs = clock.monotonicMs()
      for (let count = 0; count < 5; count += 1) {
        let fired = false
        clock.startTimer(1, () => {
          fired = true
        })
        await until(() => fired)
        assert.ok(clock.monotonicMs() >= lastMs)
        lastMs = clock.monotonicMs()
      }
    })

    it('fires a timer once, not before its time', async () => {
      const { clock, until } = make()
      const startMs = clock.monotonicMs()
      let firedCount = 0
      clock.startTimer(20, () => {
        firedCount += 1
      })
      let later = false
      clock.startTimer(40, () => {
        later = true
      })
      assert.equal(firedCount, 0)
      await until(() => firedCount > 0)
      // Node rounds to whole milliseconds and may be one early.
      assert.ok(clock.monotonicMs() - startMs >= 19)
      await until(() => later)
      assert.equal(firedCount, 1)
    })

    it('fires timers in the order of their times', async () => {
      const { clock, until } = make()
      const order: number[] = []
      for (const delayMs of [30, 10, 20, 0]) clock.startTimer(delayMs, () => order.push(delayMs))
      await until(() => order.length === 4)
      assert.deepEqual(order, [0, 10, 20, 30])
    })

    it('never fires a cancelled timer, and cancelling late is harmless', async () => {
      const { clock, until } = make()
      let fired = false
      const cancelled = clock.startTimer(5, () => assert.fail('was cancelled'))
      const last = clock.startTimer(10, () => {
        fired = true
      })
      cancelled.cancel()
      cancelled.cancel()
      await until(() => fired)
      last.cancel()
    })

    it('cancels a timer from within another that fires in the same moment or earlier', async () => {
      const { clock, until } = make()
      let firedCount = 0
      const timers = [1, 2].map(() =>
        clock.startTimer(5, () => {
          firedCount += 1
          for (const timer of timers) timer.cancel()
        }),
      )
      let over = false
      clock.startTimer(10, () => {
        over = true
      })
      await until(() => over)
      assert.equal(firedCount, 1)
    })

    it('runs what belongs to the end of the turn later, in order, with promise reactions in between', async () => {
      const { clock, until } = make()
      const order: string[] = []
      clock.endOfTurn(() => {
        order.push('first')
        void Promise.resolve().then(() => order.push('reaction'))
        clock.endOfTurn(() => order.push('third'))
      })
      clock.endOfTurn(() => order.push('second'))
      order.push('call')
      await until(() => order.length === 5)
      assert.deepEqual(order, ['call', 'first', 'reaction', 'second', 'third'])
    })

    it('refuses delays that make no sense', () => {
      const { clock } = make()
      assert.throws(() => clock.startTimer(-1, () => {}), RangeError)
      assert.throws(() => clock.startTimer(Number.NaN, () => {}), RangeError)
    })

    it('does not take a very long delay for a short one', async () => {
      const { clock, until } = make()
      const long = clock.startTimer(2 ** 32 + 5, () => assert.fail('49 days are not over'))
      let fired = false
      clock.startTimer(20, () => {
        fired = true
      })
      await until(() => fired)
      long.cancel()
    })
  })
}
