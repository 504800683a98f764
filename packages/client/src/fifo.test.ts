import { deepEqual } from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { Fifo } from './fifo.ts'

describe('first in, first out', () => {
  it('gives what an array gives, however long it was and whatever was taken', () => {
    const step = fc.oneof(
      fc.record({ push: fc.integer({ min: 1, max: 3000 }) }),
      fc.record({ take: fc.integer({ min: 1, max: 3000 }) }),
      fc.constant('clear' as const),
    )
    fc.assert(
      fc.property(fc.array(step, { maxLength: 12 }), (steps) => {
        const [fifo, model] = [new Fifo<number>(), [] as number[]]
        let next = 0
        for (const given of steps) {
          if (given === 'clear') {
            fifo.clear()
            model.length = 0
          } else if ('push' in given) {
            for (let i = 0; i < given.push; i++, next++) {
              fifo.push(next)
              model.push(next)
            }
          } else {
            const taken = Array.from({ length: given.take }, () => fifo.take()).filter((item) => item !== undefined)
            deepEqual(taken, model.splice(0, given.take))
          }
          deepEqual([fifo.length, fifo.first, fifo.last], [model.length, model[0], model.at(-1)])
        }
      }),
      { numRuns: 50 },
    )
  })
})
