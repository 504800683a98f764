import { deepEqual, equal, rejects } from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { MemoryGroupLog } from '../group/testing/memory-group-log.ts'
import { ManualClock } from '../group/testing/manual-clock.ts'
import { silentLogger } from '../telemetry/logger.ts'
import type { QueueWrite, StoredRange } from './queue-store.ts'
import { StateLog } from './state-log.ts'
import { readStateRecord } from './state-records.ts'
import { overlay } from './stored-ranges.ts'
import { compactLog } from './testing/compact-log.ts'
import { ModelStore } from './testing/queue-model.ts'

const id = { groupId: 'g', topicId: 'AAAAAAAAAAAAAAAAAAAAAQ', index: 3 }
const runCount = Number(process.env['RUNS'] ?? 400)

async function open(log: MemoryGroupLog): Promise<StateLog> {
  const state = new StateLog({ log, clock: new ManualClock(), logger: silentLogger })
  for (let partition = 0; partition < log.partitionCount; partition++) await state.load(partition)
  return state
}

function range(firstOffset: number, lastOffset: number, state: StoredRange['state'], deliveryCount = 1): StoredRange {
  return { firstOffset, lastOffset, state, deliveryCount }
}

function write(change: Partial<QueueWrite>): QueueWrite {
  return { stateEpoch: 0, leaderEpoch: 1, startOffset: 0, settledCount: 0, ranges: [], ...change }
}

describe('the state log', () => {
  it('gives back after a crash what was written, under the epochs of who reads', async () => {
    const log = new MemoryGroupLog(3)
    const first = await open(log)
    equal(await first.read(id, 1), undefined)
    await first.initialize(id, 0, -1)
    await first.write(id, write({ startOffset: 10, ranges: [range(12, 14, 'accepted'), range(20, 20, 'ready', 2)] }))
    const second = await open(log)
    const ranges = [range(12, 14, 'accepted'), range(20, 20, 'ready', 2)]
    deepEqual(await second.read(id, 2), { stateEpoch: 0, leaderEpoch: 2, startOffset: 10, ranges })
  })

  it('refuses older leaders, also after a failover of its own', async () => {
    const log = new MemoryGroupLog()
    const first = await open(log)
    await first.initialize(id, 0, 0)
    await first.read(id, 5)
    const second = await open(log)
    await rejects(second.read(id, 4), { code: 'fenced-leader-epoch' })
    await rejects(second.write(id, write({ leaderEpoch: 4 })), { code: 'fenced-leader-epoch' })
    await second.write(id, write({ leaderEpoch: 5, startOffset: 3 }))
  })

  it('refuses who works on progress that was set anew', async () => {
    const state = await open(new MemoryGroupLog())
    await state.initialize(id, 0, 0)
    await state.write(id, write({ startOffset: 50, ranges: [range(60, 70, 'accepted')] }))
    await state.initialize(id, 1, 20)
    await rejects(state.write(id, write({ startOffset: 55 })), { code: 'fenced-state-epoch' })
    await rejects(state.initialize(id, 0, 0), { code: 'fenced-state-epoch' })
    deepEqual(await state.read(id, 1), { stateEpoch: 1, leaderEpoch: 1, startOffset: 20, ranges: [] })
  })

  it('forgets what is deleted, and all of a topic', async () => {
    const log = new MemoryGroupLog(4)
    const state = await open(log)
    const others = [0, 1, 2].map((index) => ({ ...id, topicId: 'AAAAAAAAAAAAAAAAAAAAAg', index }))
    for (const each of [id, ...others]) await state.initialize(each, 0, 0)
    await state.delete(id)
    await state.delete(id)
    await rejects(state.write(id, write({})), { code: 'group-not-found' })
    equal(state.queueCount, 3)
    await state.forgetTopic(others[0]!.topicId)
    compactLog(log)
    equal((await open(log)).queueCount, 0)
  })

  it('says who is to be asked, and when', async () => {
    const log = new MemoryGroupLog()
    const state = new StateLog({ log, clock: new ManualClock(), logger: silentLogger })
    await rejects(state.read(id, 1), { code: 'coordinator-loading' })
    await state.load(0)
    log.loseLeadership(0)
    await rejects(state.read(id, 1), { code: 'not-coordinator' })
    await rejects(state.summary(id), { code: 'not-coordinator' })
  })

  it('a load that was overtaken leaves nothing behind', async () => {
    const log = new MemoryGroupLog()
    const { promise, resolve } = Promise.withResolvers<void>()
    log.replayGate = promise
    const state = new StateLog({ log, clock: new ManualClock(), logger: silentLogger })
    const loading = state.load(0)
    state.unload(0)
    resolve()
    await loading
    await rejects(state.read(id, 1), { code: 'coordinator-loading' })
  })

  it('writes short updates where much is known, and bounds them by snapshots', async () => {
    const log = new MemoryGroupLog()
    const state = await open(log)
    await state.initialize(id, 0, 0)
    const many = Array.from({ length: 5000 }, (_, at) => range(at * 2 + 1, at * 2 + 1, 'ready', 3))
    await state.write(id, write({ ranges: many }))
    const before = log.batches.length
    for (let at = 0; at < 1200; at++)
      await state.write(id, write({ ranges: [range(at * 8 + 1, at * 8 + 1, 'accepted')] }))
    const kinds = log.batches
      .slice(before)
      .map(({ copies: [record] }) => readStateRecord(record!.key, record!.value).kind)
    equal(kinds.filter((kind) => kind === 'snapshot').length, 2)
    const bytes = log.batches.slice(before).reduce((sum, { copies: [record] }) => sum + record!.value!.length, 0)
    equal(bytes / 1200 < 10_000, true, `${bytes / 1200} bytes for each write`)
  })
})

const offset = fc.nat(30)
const stored = fc.constantFrom<StoredRange['state']>('ready', 'accepted', 'archived')
const step = fc.oneof(
  {
    weight: 10,
    arbitrary: fc.record({
      kind: fc.constant('write'),
      start: fc.nat(3),
      spans: fc.uniqueArray(fc.record({ offset, state: stored, count: fc.nat(4) }), {
        selector: (span) => span.offset,
        maxLength: 6,
      }),
      /** A failure, and whether the log has the record all the same. */
      failure: fc.constantFrom(undefined, undefined, undefined, 'kept', 'lost'),
    }),
  },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('crash') }) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('compact') }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('reset'), start: offset }) },
)

/** Reads offset by offset, as it is in memory now. */
function view(model: ModelStore): string[] {
  return Array.from({ length: 31 }, (_, at) => {
    if (model.isSettled(at)) return 'settled'
    return `ready ${model.messages.get(at)?.count ?? 0}`
  })
}

async function viewOf(state: StateLog): Promise<string[]> {
  const read = (await state.read(id, 1))!
  const model = new ModelStore()
  model.apply(read)
  return view(model)
}

describe('the state log, at random', () => {
  it('has what was committed after crashes and compaction', async () => {
    const property = fc.asyncProperty(fc.array(step, { maxLength: 60, size: 'max' }), async (steps) => {
      const log = new MemoryGroupLog()
      let state = await open(log)
      let model = new ModelStore()
      let stateEpoch = 0
      await state.initialize(id, 0, 0)
      await state.read(id, 1)
      for (const each of steps) {
        if (each.kind === 'write') {
          const ranges = each.spans.map((span) => range(span.offset, span.offset, span.state, span.count))
          const startOffset = model.startOffset + (each.start === 3 ? 1 : 0)
          const sorted = ranges.toSorted((a, b) => a.firstOffset - b.firstOffset)
          const change = write({
            stateEpoch,
            startOffset,
            ranges: sorted.filter((one) => one.firstOffset >= startOffset),
          })
          if (each.failure === undefined) model.apply(change)
          else log.failure = { code: 'storage', kept: each.failure === 'kept' }
          const call = state.write(id, change)
          if (each.failure === undefined) await call
          else await rejects(call, { code: 'storage' })
          log.failure = null
          // What is kept shows after a crash, unless something was written in between: a write that is sure settles it.
          if (each.failure === 'kept') await state.write(id, write({ stateEpoch, startOffset: model.startOffset }))
        } else if (each.kind === 'crash') state = await open(log)
        else if (each.kind === 'compact') compactLog(log)
        else {
          model = new ModelStore()
          model.startOffset = each.start
          await state.initialize(id, ++stateEpoch, each.start)
        }
        deepEqual(await viewOf(state), view(model))
      }
      deepEqual(await viewOf(await open(log)), view(model))
    })
    await fc.assert(property, { numRuns: runCount })
  })

  it('lays ranges over ranges', () => {
    const ranges = fc.array(fc.tuple(fc.nat(3), fc.nat(3), stored, fc.nat(1)), { maxLength: 8 }).map((parts) => {
      let at = 0
      return parts.map(([gap, size, state, count]) => {
        const firstOffset = at + gap
        at = firstOffset + size + 1
        return range(firstOffset, at - 1, state, count)
      })
    })
    const property = fc.property(ranges, ranges, (base, changes) => {
      const naive = new ModelStore()
      naive.apply({ startOffset: 0, ranges: base })
      naive.apply({ startOffset: 0, ranges: changes })
      const actual = new ModelStore()
      const laid = overlay(base, changes)
      actual.apply({ startOffset: 0, ranges: laid })
      const kind = (model: ModelStore, at: number): string => {
        const message = model.messages.get(at)
        return model.isSettled(at) ? 'settled' : message === undefined ? 'none' : `ready ${message.count}`
      }
      for (let at = 0; at < 70; at++) equal(kind(actual, at), kind(naive, at), `offset ${at}`)
      for (const [at, each] of laid.entries()) equal(at === 0 || laid[at - 1]!.lastOffset < each.firstOffset, true)
    })
    fc.assert(property, { numRuns: 1000 })
  })
})
