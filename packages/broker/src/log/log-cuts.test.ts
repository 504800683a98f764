import { deepEqual, equal, ok, rejects } from 'node:assert/strict'
import { describe, it } from 'node:test'
import fc from 'fast-check'
import { baseOffsetOf, batchBytesOf, lastOffsetOf } from '../record/batch.ts'
import { findCrcFault } from '../record/validate.ts'
import { FollowerStage, sentBatch } from './follower.fixture.ts'
import type { Sent } from './follower.fixture.ts'
import { ProducerState } from './producer-state.ts'
import { applyRetention } from './retention.ts'
import { findByTimestamp, findMaxTimestamp } from './time-search.ts'

const plan = fc.array(
  fc.record({
    gap: fc.oneof(fc.constant(0), fc.nat(30)),
    count: fc.integer({ min: 1, max: 4 }),
    producer: fc.nat(3),
    bump: fc.nat(30),
  }),
  { minLength: 1, maxLength: 60 },
)

/** Batches in order, of three producers and none. */
function sentOf(steps: readonly { gap: number; count: number; producer: number; bump: number }[]): Sent[] {
  const producers = new Map<number, { epoch: number; sequence: number }>()
  let next = 0
  let epoch = 0
  return steps.map(({ gap, count, producer, bump }) => {
    if (bump === 1) epoch++
    const sent: Sent = { baseOffset: next + gap, count, epoch }
    next += gap + count
    if (producer === 0) return sent
    let state = producers.get(producer)
    if (!state || bump === 2) state = { epoch: (state?.epoch ?? -1) + 1, sequence: 0 }
    producers.set(producer, state)
    const { sequence } = state
    state.sequence += count
    return { ...sent, producerId: producer, producerEpoch: state.epoch, sequence }
  })
}

function known(state: ProducerState): unknown {
  const entries = [...state.entries()].map(({ producerId, epoch, batches }) => ({ producerId, epoch, batches }))
  return entries.toSorted((a, b) => a.producerId - b.producerId)
}

function producersOf(batches: readonly Uint8Array[]): ProducerState {
  const state = new ProducerState()
  for (const batch of batches) if (batch[43] === 0) state.apply(batch, 0)
  return state
}

describe('a log that is cut', () => {
  it('is what it would be without the batches that were cut off, at every boundary and after every kind of stop', async () => {
    await fc.assert(
      fc.asyncProperty(plan, fc.infiniteStream(fc.nat()), async (steps, draws) => {
        const draw = (below: number): number => draws.next().value! % below
        const stage = new FollowerStage(draw(1000))
        await stage.open()
        let batches = sentOf(steps).map(sentBatch)
        for (let at = 0; at < batches.length; ) {
          const count = 1 + draw(6)
          equal(stage.log.appendRun(Buffer.concat(batches.slice(at, at + count)), draw(2) === 0), undefined)
          at += count
          if (draw(2) === 0) await stage.durable()
          if (draw(4) === 0) await stage[(['kill', 'stop'] as const)[draw(2)]!]()
          // What a kill has taken was never acknowledged.
          const { endOffset } = stage.log
          const left = batches.findIndex((batch) => baseOffsetOf(batch, 0) >= endOffset)
          if (left >= 0 && left < at) batches = batches.slice(0, left)
        }
        for (let cuts = 0; cuts < 3 && batches.length > 0; cuts++) {
          const kept = draw(batches.length)
          const offset = baseOffsetOf(batches[kept]!, 0)
          batches = batches.slice(0, kept)
          await stage.complete(stage.store.truncate(stage.log, offset))
          await checkLog(stage, batches)
          await stage[(['kill', 'losePower', 'stop'] as const)[draw(3)]!]()
          await checkLog(stage, batches)
          const more = sentBatch({ baseOffset: offset + draw(3), count: 2, epoch: stage.log.epochs.latest + 1 })
          equal(stage.log.appendRun(more, false), undefined)
          batches.push(more)
          await stage.durable()
        }
      }),
      { numRuns: 35 },
    )
  })

  it('serves readers whole batches while it is cut and written again and again', async () => {
    const stage = new FollowerStage()
    await stage.open()
    const { log, store } = stage
    let reads = 0
    let running = true
    const reading = (async () => {
      while (running) {
        const offset = reads % Math.max(log.endOffset, 1)
        const read = await log.read(offset, log.durableOffset, 400, true)
        for (const chunk of read.chunks) {
          for (let at = 0; at < chunk.length; at += batchBytesOf(chunk, at)) {
            equal(findCrcFault(chunk, at), undefined)
            ok(lastOffsetOf(chunk, at) >= offset)
          }
        }
        read.release()
        reads++
        await new Promise<void>((resolve) => stage.node.host.clock.startTimer(0.1, resolve))
      }
    })()
    for (let epoch = 0; epoch < 25; epoch++) {
      for (let i = 0; i < 12; i++)
        log.appendRun(sentBatch({ baseOffset: log.endOffset + (i % 2), count: 2, epoch }), false)
      // A sync may be under way, what was appended may be in memory only.
      if (epoch % 3 === 0) await stage.durable()
      const [[cut]] = (await stage.ranges(log.endOffset - 12 + (epoch % 5))).slice(0, 1) as [[number, number]]
      await stage.complete(store.truncate(log, cut))
      ok(log.endOffset <= cut && log.durableOffset === log.endOffset && log.damage === undefined)
    }
    running = false
    await stage.complete(reading)
    ok(reads > 50)
    const before = await stage.ranges()
    await stage.losePower()
    deepEqual(await stage.ranges(), before)
  })

  it('ends at its start if nothing is left, and forgets an epoch that has no record', async () => {
    const stage = new FollowerStage()
    await stage.open()
    for (let i = 0; i < 40; i++) stage.log.append(sentBatch({ baseOffset: 0, count: 5 }), false, 1)
    await stage.durable()
    await stage.complete(stage.store.moveStart(stage.log, 152))
    await stage.complete(stage.store.truncate(stage.log, 153))
    deepEqual([stage.log.startOffset, stage.log.endOffset, stage.log.sizeBytes], [152, 152, 0])
    await stage.losePower()
    deepEqual([stage.log.startOffset, stage.log.endOffset, stage.log.damage], [152, 152, undefined])
    equal(stage.log.append(sentBatch({ baseOffset: 0, count: 1 }), false, 2), 152)
    stage.log.epochs.assign(3, stage.log.endOffset)
    await stage.complete(stage.store.truncate(stage.log, stage.log.endOffset))
    equal(stage.log.epochs.latest, 2)
    await stage.durable()
    await stage.stop()
    deepEqual(await stage.ranges(), [[152, 152]])
  })
})

/** Compares everything a log knows with the batches it should have, which begin at offset 0 or behind. */
async function checkLog(stage: FollowerStage, batches: readonly Uint8Array[]): Promise<void> {
  const { log } = stage
  const endOffset = batches.length === 0 ? 0 : lastOffsetOf(batches.at(-1)!, 0) + 1
  deepEqual([log.damage, log.startOffset, log.endOffset, log.durableOffset], [undefined, 0, endOffset, endOffset])
  deepEqual(
    await stage.ranges(),
    batches.map((batch) => [baseOffsetOf(batch, 0), lastOffsetOf(batch, 0)]),
  )
  equal(
    log.sizeBytes,
    batches.reduce((sum, batch) => sum + batch.length, 0),
  )
  deepEqual(known(log.producers), known(producersOf(batches)))
  const largest = await stage.complete(findMaxTimestamp(log, endOffset))
  equal(largest?.offset, batches.length === 0 ? undefined : baseOffsetOf(batches.at(-1)!, 0))
  for (const batch of batches) {
    const timestampMs = 1000 + baseOffsetOf(batch, 0)
    const found = await stage.complete(findByTimestamp(log, timestampMs, endOffset))
    equal(found?.offset, baseOffsetOf(batch, 0))
  }
}

describe('a log that begins anew', () => {
  it('starts, ends and is durable there, knows nothing, and leaves no file behind', async () => {
    for (const offset of [0, 7, 50, 1000]) {
      const stage = new FollowerStage()
      await stage.open()
      for (let i = 0; i < 50; i++) {
        stage.log.append(sentBatch({ baseOffset: 0, count: 2, producerId: 1, sequence: i * 2 }), false, i >> 3)
      }
      const { log } = stage
      await stage.complete(stage.store.restart(log, offset))
      const state = (): unknown[] => {
        const { startOffset, endOffset, durableOffset, sizeBytes } = stage.log
        return [startOffset, endOffset, durableOffset, sizeBytes, stage.log.epochs.latest, stage.log.producers.size]
      }
      deepEqual(state(), [offset, offset, offset, 0, -1, 0])
      deepEqual(stage.node.host.disk.list(log.directory), [])
      await stage.losePower()
      deepEqual(state(), [offset, offset, offset, 0, -1, 0])
      equal(stage.log.append(sentBatch({ baseOffset: 0, count: 3 }), false, 9), offset)
      await stage.durable()
      await stage.kill()
      deepEqual(await stage.ranges(), [[offset, offset + 2]])
      deepEqual(stage.log.epochs.entries(), [[9, offset]])
    }
  })
})

describe('a log that is set aside', () => {
  it('makes room for another of its name; its files are kept with the reason', async () => {
    const stage = new FollowerStage()
    await stage.open()
    const old = stage.log
    for (let i = 0; i < 50; i++) old.append(sentBatch({ baseOffset: 0, count: 2 }), false, 0)
    await stage.durable()
    old.setDamaged({ what: 'a bit has flipped', reachedOffset: 0 })
    await stage.complete(stage.store.setAside(old, 'a bit has flipped'))
    equal(stage.store.get('orders-0'), undefined)
    await rejects(stage.complete(Promise.resolve(old.read(0, 100, 1000, true))), { kind: 'not-found' })
    await stage.losePower()
    equal(stage.log.endOffset, 0)
    const { disk } = stage.node.host
    const [folder] = disk.list('/data/orphans')
    const names = disk.list(`/data/orphans/${folder}`)
    ok(names.includes('reason.txt') && names.includes('00000000000000000000.log'))
    equal(stage.log.append(sentBatch({ baseOffset: 0, count: 1 }), false, 1), 0)
    await stage.durable()
    await stage.stop()
    deepEqual(await stage.ranges(), [[0, 0]])
  })

  it('may have had no files yet', async () => {
    const stage = new FollowerStage()
    await stage.open()
    await stage.complete(stage.store.setAside(stage.log, 'it was not wanted'))
    await stage.kill()
    equal(stage.log.endOffset, 0)
  })
})

describe('what replicas have not agreed on', () => {
  it('is neither deleted by retention nor by a client, and does not count for the largest timestamp', async () => {
    const stage = new FollowerStage()
    await stage.open()
    const { log, store } = stage
    for (let i = 0; i < 60; i++) log.append(sentBatch({ baseOffset: 0, count: 2, timestampMs: i }), false, 0)
    await stage.durable()
    log.highWatermark = 51
    equal(log.committedOffset, 51)
    await rejects(stage.complete(store.moveStart(log, 52)), /not committed/)
    const settings = { cleanupDelete: true, retentionMs: 1, retentionBytes: 0 }
    ok((await stage.complete(applyRetention(store, log, settings, 1e6))) > 0)
    ok(log.startOffset > 0 && log.startOffset <= 51)
    equal((await stage.complete(findMaxTimestamp(log, 51)))?.timestampMs, 24)
    const kept = log.startOffset
    log.highWatermark = Infinity
    await stage.complete(applyRetention(store, log, settings, 1e6))
    ok(log.startOffset > kept)
  })
})
