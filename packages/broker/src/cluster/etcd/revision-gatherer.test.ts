import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import type { WatchEvent } from '../metadata-store.ts'
import { RevisionGatherer } from './revision-gatherer.ts'

interface Stream {
  /** Where it starts relative to what is asked for: etcd may begin too early. */
  readonly early: number
  /** After how many events each answer ends, and whether it says that more follows when it ends within a revision. */
  readonly sizes: readonly number[]
  /** After how many answers the stream breaks. */
  readonly answers: number
}

const streamArbitrary: fc.Arbitrary<Stream> = fc.record({
  early: fc.nat({ max: 3 }),
  sizes: fc.array(fc.integer({ min: 1, max: 5 }), { minLength: 1, maxLength: 5 }),
  answers: fc.nat({ max: 6 }),
})

/** Whether an answer may end behind the event at `index` without saying that more follows. */
function endsRevision(history: readonly WatchEvent[], index: number): boolean {
  return index === history.length - 1 || modRevision(history[index]!) !== modRevision(history[index + 1]!)
}

function modRevision(event: WatchEvent): number {
  return event.kind === 'delete' ? event.modRevision : event.keyValue.modRevision
}

test('however streams break, begin too early and cut revisions, each revision is told once, whole, in order', () => {
  const revisions = fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 12 })
  fc.assert(
    fc.property(revisions, fc.array(streamArbitrary, { maxLength: 10 }), (eventCounts, streams) => {
      const history = eventCounts.flatMap((count, index) =>
        Array.from(
          { length: count },
          (_, at): WatchEvent => ({ kind: 'delete', key: `${at}`, modRevision: index + 1 }),
        ),
      )
      const gatherer = new RevisionGatherer(1)
      const told: (readonly [number, number])[] = []
      const whole: Stream = { early: 0, sizes: [3], answers: Number.MAX_SAFE_INTEGER }
      for (const { early, sizes, answers } of [...streams, whole]) {
        let at = history.findIndex((event) => modRevision(event) >= gatherer.revisionNext - early)
        for (let answer = 0; answer < answers && at >= 0 && at < history.length; answer++) {
          const events = history.slice(at, at + sizes[answer % sizes.length]!)
          at += events.length
          for (const { revision, events: all } of gatherer.add(events, !endsRevision(history, at - 1))) {
            told.push([revision, all.length])
          }
        }
        gatherer.cut()
      }
      assert.deepEqual(
        told,
        eventCounts.map((count, index) => [index + 1, count]),
      )
    }),
  )
})
