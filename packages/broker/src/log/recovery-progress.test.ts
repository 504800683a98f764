import { deepEqual } from 'node:assert/strict'
import { it } from 'node:test'
import { SimulatedWorld } from '../host/simulated/simulated-world.ts'
import type { LogFields } from '../telemetry/logger.ts'
import { silentLogger } from '../telemetry/logger.ts'
import { RecoveryProgress } from './recovery-progress.ts'

it('tells once a second how far a long recovery is, and nothing of a short one', async () => {
  const world = new SimulatedWorld(1)
  const { clock } = world.node('one').host
  const lines: (LogFields | undefined)[] = []
  const progress = new RecoveryProgress(clock, { ...silentLogger, info: (_event, fields) => lines.push(fields) })
  for (let done = 1; done <= 10; done++) {
    await world.scheduler.runFor(300)
    progress.step('reading segments', done, 10)
  }
  deepEqual(
    lines.map((line) => line?.['percent']),
    [40, 80],
  )
})
