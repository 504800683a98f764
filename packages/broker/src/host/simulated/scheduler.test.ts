import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Scheduler } from './scheduler.ts'

describe('Scheduler', () => {
  it('lets events happen in the order of their times, and at those times', async () => {
    const scheduler = new Scheduler(1)
    const happened: number[] = []
    for (let count = 0; count < 500; count += 1) {
      const delayMs = scheduler.random.between(0, 100)
      scheduler.schedule(delayMs, 'event', () => {
        assert.equal(scheduler.nowMs, delayMs)
        happened.push(delayMs)
      })
    }
    await scheduler.run(50)
    assert.equal(scheduler.nowMs, 50)
    assert.ok(happened.length > 150 && happened.every((delayMs) => delayMs <= 50))
    await scheduler.run(100)
    assert.equal(happened.length, 500)
    assert.deepEqual(
      happened,
      happened.toSorted((one, other) => one - other),
    )
  })

  it('orders events of the same moment by the seed', async () => {
    const orders = new Set<string>()
    for (let seed = 0; seed < 20; seed += 1) {
      const runs = [0, 1].map(async () => {
        const scheduler = new Scheduler(seed)
        const order: number[] = []
        for (const each of [1, 2, 3]) scheduler.schedule(5, 'event', () => order.push(each))
        await scheduler.runFor(5)
        return order.join()
      })
      const [first, second] = await Promise.all(runs)
      assert.equal(first, second)
      orders.add(first!)
    }
    assert.equal(orders.size, 6)
  })

  it('lets all promise reactions happen before the next event, however long their chain', async () => {
    const scheduler = new Scheduler(1)
    const order: string[] = []
    scheduler.schedule(1, 'one', () => {
      void (async () => {
        for (let count = 0; count < 1000; count += 1) await Promise.resolve()
        process.nextTick(() => {
          queueMicrotask(() => order.push('reaction'))
        })
      })()
    })
    scheduler.schedule(1.5, 'two', () => order.push('event'))
    await scheduler.runFor(2)
    assert.deepEqual(order, ['reaction', 'event'])
  })

  it('forgets cancelled events, and does not keep them in mind', async () => {
    const scheduler = new Scheduler(1)
    let happenedCount = 0
    for (let count = 0; count < 10_000; count += 1) {
      const event = scheduler.schedule(1 + (count % 7), 'event', () => {
        happenedCount += 1
      })
      if (count % 10 > 0) event.cancel()
    }
    const last = scheduler.schedule(1000, 'last', () => assert.fail('was cancelled'))
    last.cancel()
    last.cancel()
    await scheduler.run(() => happenedCount === 1000)
    assert.equal(await scheduler.step(), false)
    assert.ok(scheduler.nowMs <= 7)
    assert.equal(scheduler.eventCount, 1000)
  })

  it('says with its seed when a condition can never hold, or does not in good time', async () => {
    const scheduler = new Scheduler(77)
    await assert.rejects(
      scheduler.run(() => false),
      /nothing is left that could happen \(seed 77, /,
    )
    const again = (): void => void scheduler.schedule(1, 'again', again)
    again()
    await assert.rejects(
      scheduler.run(() => false, 100),
      /100 events and no end/,
    )
    await assert.rejects(scheduler.complete(Promise.reject(new Error('inner'))), /inner/)
  })

  it('has one hash for one history', async () => {
    const hashes = new Set<string>()
    const run = async (labels: string[], note: number): Promise<string> => {
      const scheduler = new Scheduler(5)
      for (const label of labels) scheduler.schedule(1, label, () => scheduler.note('fact', note))
      await scheduler.runFor(2)
      hashes.add(scheduler.eventHash)
      return scheduler.eventHash
    }
    const first = await run(['a', 'b'], 0)
    assert.match(first, /^[0-9a-f]{16}$/)
    assert.equal(await run(['a', 'b'], 0), first)
    await run(['a', 'c'], 0)
    await run(['ab', ''], 0)
    await run(['a', 'b'], 1e-300)
    assert.equal(hashes.size, 4)
  })
})
