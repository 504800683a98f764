import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { SimulatedWorld } from '../../packages/broker/src/host/simulated/simulated-world.ts'
import { AppendProgram, disciplined, recoveredCount } from './append-program.ts'
import type { Discipline } from './append-program.ts'

/**
 * Tests of the tests: a program that is wrong on purpose must be caught by the simulated disk within a few seeds, and
 * the right one never. `loses(seed, discipline)` replays one run.
 */
async function loses(seed: number, discipline: Discipline, failSync = false): Promise<boolean> {
  const world = new SimulatedWorld(seed)
  const node = world.node('one')
  const program = new AppendProgram(node.host, discipline)
  void program.run()
  const random = world.scheduler.random.stream('faults')
  await world.scheduler.runFor(random.between(5, 100))
  if (failSync) {
    node.disk.failNextSync((path) => path === 'data/log')
    await world.scheduler.runFor(random.between(5, 20))
  }
  const promised = program.acknowledgedCount
  node.losePower()
  return recoveredCount(node.powerOn()) < promised
}

async function firstLoss(seedCount: number, discipline: Discipline, failSync = false): Promise<number | undefined> {
  for (let seed = 0; seed < seedCount; seed += 1) if (await loses(seed, discipline, failSync)) return seed
  return undefined
}

describe('the simulated disk', () => {
  it('never loses an acknowledged record of a program that keeps the rules', async () => {
    assert.equal(await firstLoss(150, disciplined), undefined)
    assert.equal(await firstLoss(150, disciplined, true), undefined)
  })

  it('catches a program that acknowledges before the sync', async () => {
    const seed = await firstLoss(10, { ...disciplined, syncBeforeAcknowledge: false })
    assert.ok(seed !== undefined)
  })

  it('catches a program that never syncs the folder of a new file', async () => {
    const seed = await firstLoss(10, { ...disciplined, syncFolder: false })
    assert.ok(seed !== undefined)
  })

  it('catches a program that tries a failed sync again and believes it', async () => {
    const seed = await firstLoss(20, { ...disciplined, stopAfterFailedSync: false }, true)
    assert.ok(seed !== undefined)
  })
})
