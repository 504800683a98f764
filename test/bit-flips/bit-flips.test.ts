import assert from 'node:assert/strict'
import { before, describe, it } from 'node:test'
import { SimulatedRandom } from '../../packages/broker/src/host/simulated/simulated-random.ts'
import { NoCrcDisk } from '../crash-states/broken-disks.ts'
import type { Flip } from './flips.ts'
import { allFlips, tryFlips } from './flips.ts'
import type { Golden } from './golden.ts'
import { makeGolden } from './golden.ts'

const seed = Number(process.env['POLYLOG_TEST_SEED'] ?? 1)
const sampleCount = 2500

describe('one wrong bit in a data directory', () => {
  let golden: Golden
  let sample: Flip[]

  before(async () => {
    golden = await makeGolden()
    sample = sampleOf(golden)
  })

  it(`is harmless or detected, never served (${sampleCount} bits, POLYLOG_TEST_SEED=${seed})`, async () => {
    const { counts, failures } = await tryFlips(golden, sample, { failuresMax: 5 })
    assert.deepEqual(failures, [])
    assert.ok(counts.same > 100 && counts.detected > 500 && counts.torn < sampleCount / 50, JSON.stringify(counts))
  })

  it('is missed by a store that compares no CRC, and that is noticed', async () => {
    const { failures } = await tryFlips(golden, sample, { failuresMax: 1, wrap: (disk) => new NoCrcDisk(disk) })
    assert.equal(failures.length, 1)
  })
})

/** Some bits of each file at each moment, many of them in the heads of batches and entries, where fields are. */
function sampleOf(golden: Golden): Flip[] {
  const random = new SimulatedRandom(seed)
  const all = [...allFlips(golden)]
  const sample: Flip[] = []
  const files = new Map<string, Flip[]>()
  for (const flip of all) {
    const key = `${flip.moment} ${flip.path}`
    const list = files.get(key)
    if (list) list.push(flip)
    else files.set(key, [flip])
  }
  for (const list of files.values()) {
    for (let i = 0; i < sampleCount / files.size; i++) sample.push(list[random.below(list.length)]!)
  }
  return sample
}
