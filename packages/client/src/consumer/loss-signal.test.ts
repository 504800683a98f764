import { equal } from 'node:assert/strict'
import { describe, it } from 'node:test'
import { LossSignal } from './loss-signal.ts'

describe('the signal of a lost message', () => {
  it('is aborted with the first reason, whether it is looked at before or after', () => {
    const [first, second] = [new Error('first'), new Error('second')]
    for (const isEarly of [true, false]) {
      const loss = new LossSignal()
      if (isEarly) equal(loss.signal.aborted, false)
      loss.abort(first)
      loss.abort(second)
      equal(loss.signal.aborted, true)
      equal(loss.signal.reason, first)
      equal(loss.signal, loss.signal)
    }
  })
})
