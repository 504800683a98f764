import { deepEqual, equal, match, ok } from 'node:assert/strict'
import { describe, it } from 'node:test'
import { FollowerStage, sentBatch } from './follower.fixture.ts'

async function opened(): Promise<FollowerStage> {
  const stage = new FollowerStage()
  await stage.open()
  return stage
}

describe('a run of batches from a leader', () => {
  it('is taken with its gaps, also the one in front, and is there after a stop, a kill and a loss of power', async () => {
    const stage = await opened()
    const expected: [number, number][] = []
    for (let round = 0, next = 5; round < 40; round++) {
      const run: Buffer[] = []
      for (let i = 0; i < 4; i++) {
        run.push(sentBatch({ baseOffset: next, count: 2 }))
        expected.push([next, next + 1])
        next += 2 + (i % 3) * 7
      }
      equal(stage.log.appendRun(Buffer.concat(run), round % 2 === 0), undefined)
    }
    await stage.durable()
    const end = expected.at(-1)![1] + 1
    for (const again of ['kill', 'losePower', 'stop'] as const) {
      deepEqual([stage.log.damage, stage.log.startOffset, stage.log.endOffset], [undefined, 0, end])
      deepEqual(await stage.ranges(), expected)
      // In a gap there is nothing: what comes next is read.
      deepEqual((await stage.ranges(expected[2]![1] + 1))[0], expected[3])
      await stage[again]()
    }
    deepEqual(await stage.ranges(), expected)
    ok(stage.log.segments.length > 3)
  })

  it('is split where a segment is full, between batches', async () => {
    const stage = await opened()
    const run = Array.from({ length: 30 }, (_, i) => sentBatch({ baseOffset: i * 3, count: 1, valueBytes: 400 }))
    equal(stage.log.appendRun(Buffer.concat(run), true), undefined)
    await stage.durable()
    stage.log.flush()
    ok(stage.log.segments.every((segment) => segment.bytes <= 3000))
    equal((await stage.ranges()).length, 30)
  })

  it('is refused as a whole if a batch is broken, cut short, comes too early or is of an older epoch', async () => {
    const { log } = await opened()
    equal(log.appendRun(sentBatch({ baseOffset: 10, count: 2, epoch: 3 }), false), undefined)
    const good = sentBatch({ baseOffset: 12, count: 1, epoch: 3 })
    const broken = sentBatch({ baseOffset: 13, count: 1, epoch: 3 })
    broken[70]! ^= 1
    const cases: [Buffer, string, RegExp][] = [
      [broken, 'corrupt-batch', /offset 13: CRC/],
      [sentBatch({ baseOffset: 13, count: 1, epoch: 3 }).subarray(0, 70), 'corrupt-batch', /no whole batch/],
      [sentBatch({ baseOffset: 12, count: 1, epoch: 3 }), 'offset-order', /12 comes where 13 is due/],
      [sentBatch({ baseOffset: 14, count: 1, epoch: 2 }), 'epoch-order', /2 comes after 3/],
    ]
    for (const [bad, code, detail] of cases) {
      const fault = log.appendRun(Buffer.concat([good, bad]), false)
      equal(fault?.code, code)
      equal(fault?.position, good.length)
      match(fault!.detail, detail)
      equal(log.endOffset, 12)
    }
    equal(log.appendRun(new Uint8Array(0), false), undefined)
  })

  it('may be of an older epoch than one that was begun here without a record', async () => {
    const { log } = await opened()
    equal(log.appendRun(sentBatch({ baseOffset: 0, count: 5, epoch: 4 }), false), undefined)
    log.epochs.assign(5, log.endOffset)
    deepEqual(log.epochs.endOf(5, log.endOffset), { leaderEpoch: 5, endOffset: 5 })
    deepEqual(log.epochs.endOf(4, log.endOffset), { leaderEpoch: 4, endOffset: 5 })
    equal(log.appendRun(sentBatch({ baseOffset: 5, count: 1, epoch: 4 }), false), undefined)
    deepEqual(log.epochs.entries(), [[4, 0]])
  })

  it('of small batches goes through the journal in entries of its own, of many bytes directly', async () => {
    const stage = await opened()
    const { store, log } = stage
    await stage.complete(store.checkpoint())
    const entries = (): number => store.journal.statistics.entries
    let before = entries()
    log.appendRun(Buffer.concat([0, 3, 6].map((baseOffset) => sentBatch({ baseOffset, count: 1 }))), true)
    await stage.durable()
    ok(entries() - before >= 3)
    before = entries()
    const run = Array.from({ length: 20 }, (_, i) => sentBatch({ baseOffset: 10 + i, count: 1, valueBytes: 200 }))
    log.appendRun(Buffer.concat(run), true)
    await stage.durable()
    ok(entries() - before < 5)
  })
})

describe('a log that begins anew', () => {
  it('takes a first batch that begins before the start', async () => {
    const stage = await opened()
    stage.log.appendRun(sentBatch({ baseOffset: 0, count: 9 }), false)
    await stage.complete(stage.store.restart(stage.log, 100))
    const run = [sentBatch({ baseOffset: 95, count: 10, epoch: 2 }), sentBatch({ baseOffset: 107, count: 1, epoch: 2 })]
    equal(stage.log.appendRun(Buffer.concat(run), true), undefined)
    for (const again of ['kill', 'losePower', 'stop'] as const) {
      await stage.durable()
      deepEqual([stage.log.damage, stage.log.startOffset, stage.log.endOffset], [undefined, 100, 108])
      deepEqual(await stage.ranges(), [
        [95, 104],
        [107, 107],
      ])
      deepEqual(stage.log.epochs.entries(), [[2, 100]])
      await stage[again]()
    }
    equal(stage.log.appendRun(sentBatch({ baseOffset: 107, count: 2, epoch: 2 }), true)?.code, 'offset-order')
  })
})
