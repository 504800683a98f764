import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { Dispatcher } from './dispatcher.ts'

interface Job {
  readonly id: number
  readonly lane: string | undefined
  /** Turns of the microtask queue until it is done; 0: at once. */
  readonly turns: number
  /** Pushed by the job while it begins. */
  readonly children: readonly Job[]
}

const shape = fc.record({
  lane: fc.constantFrom(undefined, 'a', 'b'),
  turns: fc.constantFrom(0, 0, 0, 1, 5),
  childCount: fc.constantFrom(0, 0, 0, 1, 2),
})

describe('a dispatcher', () => {
  it('runs every job once, those of a lane one after the other in order, never too many, and says when none runs', async () => {
    const runs = fc.record({
      concurrency: fc.integer({ min: 1, max: 3 }),
      shapes: fc.array(shape, { maxLength: 12 }),
      /** Whether the next job comes at once or when all before it are done. */
      pauses: fc.array(fc.boolean(), { minLength: 12, maxLength: 12 }),
    })
    await fc.assert(
      fc.asyncProperty(runs, async ({ concurrency, shapes, pauses }) => {
        const pushed: Job[] = []
        const begun: Job[] = []
        const running = new Set<Job>()
        const laneOf = (job: Job) => job.lane
        const run = (job: Job): Promise<void> | undefined => {
          assert.ok(running.size < concurrency, 'too many at a time')
          for (const other of running) assert.ok(job.lane === undefined || other.lane !== job.lane, 'two of a lane')
          begun.push(job)
          running.add(job)
          for (const child of job.children) push(child)
          if (job.turns === 0) {
            running.delete(job)
            return undefined
          }
          return wait(job.turns).then(() => void running.delete(job))
        }
        const dispatcher = new Dispatcher<Job>({ concurrency, laneOf, run })
        const push = (job: Job): void => {
          pushed.push(job)
          dispatcher.push(job)
        }
        let id = 0
        for (const [i, { lane, turns, childCount }] of shapes.entries()) {
          const children = Array.from({ length: childCount }, () => ({ id: ++id, lane, turns: i % 2, children: [] }))
          push({ id: ++id, lane, turns, children })
          if (pauses[i]) await dispatcher.idle()
        }
        while (dispatcher.runningCount > 0) await dispatcher.idle()
        assert.equal(begun.length, pushed.length)
        assert.equal(new Set(begun).size, begun.length)
        for (const lane of ['a', 'b']) {
          const ids = (jobs: Job[]) => jobs.filter((job) => job.lane === lane).map((job) => job.id)
          assert.deepEqual(ids(begun), ids(pushed))
        }
      }),
      { numRuns: 500 },
    )
  })
})

async function wait(turns: number): Promise<void> {
  for (let i = 0; i < turns; i++) await Promise.resolve()
}
