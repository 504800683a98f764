import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { after, describe } from 'node:test'
import { MemoryDisk } from '../../packages/broker/src/host/memory/memory-disk.ts'
import { NodeDisk } from '../../packages/broker/src/host/node/node-disk.ts'
import { SimulatedWorld } from '../../packages/broker/src/host/simulated/simulated-world.ts'
import { describeDiskContract } from './disk.contract.ts'
import { realStage, simulatedStage } from './stage.ts'

const root = mkdtempSync(`${tmpdir()}/polylog-disk-`)
describe('disk', () => {
  after(() => rmSync(root, { recursive: true }))

  describeDiskContract('node', () => ({ ...realStage, disk: new NodeDisk(), folder: mkdtempSync(`${root}/test-`) }))

  describeDiskContract('memory', () => {
    const disk = new MemoryDisk()
    disk.makeDirectory('data/test')
    return { ...realStage, disk, folder: 'data/test' }
  })

  describeDiskContract('simulated', () => {
    const world = new SimulatedWorld(1)
    const { disk } = world.node('one').host
    disk.makeDirectory('/data/test')
    return { ...simulatedStage(world.scheduler), disk, folder: '/data/test' }
  })
})
