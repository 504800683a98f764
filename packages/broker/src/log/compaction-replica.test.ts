import { deepEqual, equal, ok } from 'node:assert/strict'
import { describe, it } from 'node:test'
import { CleanerStage } from './cleaner.fixture.ts'
import { sentBatch } from './follower.fixture.ts'

async function opened(seed: number, cleanup = {}): Promise<CleanerStage> {
  const stage = new CleanerStage(seed, cleanup)
  await stage.open()
  return stage
}

function pair(key: number, value: string | null): { key: Buffer; value: Buffer | null } {
  return { key: Buffer.from(`key ${key}`), value: value === null ? null : Buffer.from(value) }
}

describe('compaction of a log that has replicas', () => {
  it('leaves the last batch, so that a follower that fetches all of it comes to the same end', async () => {
    const stage = await opened(1, { maxCompactionLagMs: 10, deleteRetentionMs: 0 })
    await stage.append([pair(1, 'one')])
    // From a time when the topic was not compacted: without a key there is nothing to keep it for.
    await stage.append([{ key: null, value: Buffer.from('none') }])
    await stage.wait(1000)
    await stage.compact()
    const batches = await stage.read()
    deepEqual([stage.log.endOffset, batches.length, batches[1]!.lastOffset, batches[1]!.records], [2, 2, 1, []])
    // Once there is another one, it is of no use any more.
    await stage.append([pair(2, 'two')])
    await stage.wait(1000)
    await stage.compact()
    deepEqual(
      (await stage.read()).map((batch) => batch.baseOffset),
      [0, 2],
    )
  })

  it('does not touch what is not committed', async () => {
    const stage = await opened(2)
    for (let i = 0; i < 200; i++) await stage.append([pair(i % 3, 'x'.repeat(100))])
    stage.log.highWatermark = 60
    await stage.compact()
    const { segments } = stage.log
    ok(segments.some((segment) => segment.sparse))
    ok(segments.every((segment) => !segment.sparse || segment.endOffset <= 60))
    equal((await stage.read(60)).length, 140)
    stage.log.highWatermark = Infinity
    await stage.compact()
    ok((await stage.read()).length < 100)
    await stage.check()
  })

  it('goes over gaps that the compaction of the leader has left', async () => {
    const stage = await opened(3)
    const run: Buffer[] = []
    for (let i = 0, next = 9; i < 120; i++) {
      run.push(sentBatch({ baseOffset: next, count: 2, valueBytes: 60 }))
      next += 2 + (i % 4) * 5
    }
    equal(stage.log.appendRun(Buffer.concat(run), false), undefined)
    await stage.durable()
    const { endOffset } = stage.log
    await stage.compact()
    await stage.restart()
    deepEqual([stage.log.damage, stage.log.endOffset, stage.errors], [undefined, endOffset, []])
    const records = (await stage.read()).flatMap((batch) => batch.records)
    ok(records.length < 100)
    deepEqual(
      records.slice(-2).map(({ offset, key }) => [offset, key]),
      [
        [endOffset - 2, 'key 0'],
        [endOffset - 1, 'key 1'],
      ],
    )
  })

  it('is given up when the log is cut meanwhile; nothing that was cut off comes back', async () => {
    for (let moment = 0; moment < 12; moment++) {
      const stage = await opened(moment)
      for (let i = 0; i < 90; i++) await stage.append([pair(i, 'x'.repeat(100))])
      const compacting = stage.cleaner.compact()
      await stage.wait(moment)
      const offset = 5 + moment * 4
      await stage.complete(stage.store.truncate(stage.log, offset))
      await stage.complete(compacting)
      equal(stage.log.append(sentBatch({ baseOffset: 0, count: 1 }), false, 1), offset)
      await stage.durable()
      await stage.restart()
      const batches = await stage.read()
      equal(stage.log.damage, undefined)
      deepEqual(
        batches.map((batch) => batch.baseOffset),
        Array.from({ length: offset + 1 }, (_, i) => i),
        `moment ${moment}`,
      )
    }
  })
})
