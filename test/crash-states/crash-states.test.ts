import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { CopyingRenameDisk, EarlySyncDisk, NoCrcDisk, NoDirectorySyncDisk, NoSyncDisk } from './broken-disks.ts'
import { runSuite, spread } from './suite.ts'
import type { DiskWrapper } from './disk-wrapper.ts'
import { recordTrace } from './trace.ts'
import { BrokenPromise } from './broken-promise.ts'

/** Of this one the trace has everything in it, see below. */
const seed = 2
const operationsMin = 2500

describe('a store after a crash', () => {
  it('is tried with a trace that does everything to a store', async () => {
    const { items, operationCount } = await recordTrace(seed, operationsMin)
    assert.ok(operationCount >= operationsMin)
    const deeds = new Set(items.map((item) => ('deed' in item ? item.deed.kind : item.operation.kind)))
    for (const kind of ['start-moved', 'truncated', 'deleted', 'reopened', 'compact-asked', 'restarted'] as const)
      assert.ok(deeds.has(kind))
    const paths = items.map((item) => ('operation' in item ? `${item.operation.kind} ${item.operation.path}` : ''))
    const has = (pattern: RegExp): boolean => paths.some((path) => pattern.test(path))
    assert.ok(has(/create .*\d-\d+\.log$/), 'compaction')
    assert.ok(has(/remove .*\.log$/) && has(/truncate .*\.log$/) && has(/create .*\.index$/), 'segments')
    assert.ok(has(/create .*reason\.txt$/), 'set aside')
    assert.ok(has(/remove .*\.journal$/) && has(/rename .*checkpoint/), 'trim and checkpoint')
    assert.ok(has(/rename .*\.journal$/), 'a journal file used again')
  })

  it('keeps every promise in 2,100 states along a trace of 2,500 file operations', async () => {
    const trace = await recordTrace(seed, operationsMin)
    const { stateCount, failures } = await runSuite({ trace, states: spread(trace, 2150), failuresMax: 5 })
    assert.deepEqual(failures, [], `replay with npm run crash-states -- --seed ${seed} --state <state>`)
    assert.ok(stateCount >= 2100, `only ${stateCount} states were different`)
  })
})

/** Builds of the store that lie. What finds nothing wrong with them would not find it in an honest mistake either. */
const canaries: { name: string; wrap: DiskWrapper; alsoRecovery?: boolean }[] = [
  { name: 'skips the sync of the journal', wrap: (disk) => new NoSyncDisk(disk, '.journal') },
  { name: 'skips the sync of segments', wrap: (disk) => new NoSyncDisk(disk, '.log') },
  { name: 'skips the sync of the checkpoint', wrap: (disk) => new NoSyncDisk(disk, 'checkpoint.new') },
  { name: 'acknowledges while the sync still runs', wrap: (disk) => new EarlySyncDisk(disk) },
  { name: 'never syncs a folder', wrap: (disk) => new NoDirectorySyncDisk(disk) },
  { name: 'replaces the checkpoint by writing over it', wrap: (disk) => new CopyingRenameDisk(disk) },
  { name: 'compares no CRC', wrap: (disk) => new NoCrcDisk(disk), alsoRecovery: true },
]

describe('the enumeration of crash states catches a store that', () => {
  for (const { name, wrap, alsoRecovery } of canaries) {
    it(name, async () => assert.ok(await isCaught(wrap, alsoRecovery ?? false)))
  }
})

async function isCaught(wrap: DiskWrapper, alsoRecovery: boolean): Promise<boolean> {
  try {
    const trace = await recordTrace(seed, operationsMin, wrap)
    const options = { trace, states: spread(trace, 2000), failuresMax: 1 }
    const { failures } = await runSuite(alsoRecovery ? { ...options, wrap } : options)
    return failures.length > 0
  } catch (error) {
    if (error instanceof BrokenPromise) return true
    throw error
  }
}
