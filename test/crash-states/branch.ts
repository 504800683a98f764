import { MemoryDisk } from '../../packages/broker/src/host/memory/memory-disk.ts'
import type { Disk } from '../../packages/broker/src/host/disk.ts'
import { SimulatedWorld } from '../../packages/broker/src/host/simulated/simulated-world.ts'
import type { SimulatedRandom } from '../../packages/broker/src/host/simulated/simulated-random.ts'
import type { Log } from '../../packages/broker/src/log/log.ts'
import { LogStore } from '../../packages/broker/src/log/store.ts'
import { buildBatch } from '../../packages/broker/src/record/build.ts'
import { BrokenPromise } from './broken-promise.ts'
import type { CrashState } from './device-model.ts'
import type { Expectation } from './expectation.ts'
import { reopenedLogs } from './expectation.ts'
import { directBytesMin, settingsOf, storeOptions } from './store-options.ts'
import type { DiskWrapper } from './disk-wrapper.ts'
import { TurnClock } from './turn-clock.ts'
import { checkStore } from './verdict.ts'

export type BranchKind = 'append' | 'stop' | 'kill' | 'crash'

/** What is tried after a crash: every state is opened and appended to; some are then stopped, killed or crashed again. */
export const branchKinds: readonly BranchKind[] = ['append', 'stop', 'append', 'kill', 'append', 'crash']

/**
 * Opens a store on what a crash has left and checks it.
 * @throws BrokenPromise, and whatever the store throws
 */
export async function tryState(
  state: CrashState,
  expectation: Expectation,
  kind: BranchKind,
  random: SimulatedRandom,
  wrap: DiskWrapper,
): Promise<void> {
  if (kind === 'crash') return crashAgain(state, expectation, random, wrap)
  const disk = wrap(memoryDisk(state))
  const store = await open(disk)
  await checkStore(store, expectation)
  const later = expectation.copy()
  later.apply({ kind: 'reopened', logs: reopenedLogs(store) })
  await appendSome(store, later, random)
  await checkStore(store, later)
  if (kind === 'append') return
  if (kind === 'stop') await store.close()
  const again = await open(disk)
  await checkStore(again, later)
}

/** Loses power once more somewhere during the recovery, then recovers. */
async function crashAgain(
  state: CrashState,
  expectation: Expectation,
  random: SimulatedRandom,
  wrap: DiskWrapper,
): Promise<void> {
  const world = new SimulatedWorld(random.word())
  const node = world.node('one')
  const { disk, clock } = node.host
  await world.scheduler.complete(fill(disk, state))
  let opened = false
  const opening = LogStore.open(storeOptions(wrap(disk), clock, () => undefined)).then(
    () => {
      opened = true
    },
    (error: unknown) => {
      throw error
    },
  )
  opening.catch(() => undefined)
  for (let steps = random.below(60); steps > 0 && !opened; steps--) if (!(await world.scheduler.step())) break
  node.losePower()
  const host = node.powerOn()
  const again = LogStore.open(storeOptions(wrap(host.disk), host.clock, () => undefined))
  await world.scheduler.complete(checkStore(await world.scheduler.complete(again), expectation))
}

function open(disk: Disk): Promise<LogStore> {
  return LogStore.open(storeOptions(disk, new TurnClock(), (log) => log.onChange()))
}

async function appendSome(store: LogStore, expectation: Expectation, random: SimulatedRandom): Promise<void> {
  const logs = [...store.logs()]
  const changed = new Set<Log>()
  if (logs.length === 0 || random.chance(0.2)) {
    const name = `new-${random.word()}`
    const log = store.create(name, settingsOf(name))
    expectation.apply({ kind: 'create', id: log.id, name })
    logs.push(log)
  }
  for (let count = 0; count < 3; count++) {
    const log = logs[random.below(logs.length)]!
    if (log.settings.durability !== 'fsync') continue
    const bytes = random.chance(0.3) ? directBytesMin : 100
    const batch = buildBatch([{ key: null, value: Buffer.alloc(bytes, `after ${count}`) }], { baseTimestampMs: 5000 })
    const baseOffset = log.append(batch, false, Math.max(log.epochs.latest, 0))
    const taken = { baseOffset, endOffset: log.endOffset, bytes: Uint8Array.from(batch) }
    expectation.apply({ kind: 'append', id: log.id, batch: taken })
    changed.add(log)
  }
  for (const log of changed) {
    await durable(log)
    expectation.apply({ kind: 'acknowledge', id: log.id, offset: log.durableOffset })
  }
}

/** Resolves once everything in `log` is durable, rejects if it never will be. */
function durable(log: Log): Promise<void> {
  return new Promise((resolve, reject) => {
    log.onChange = () => {
      if (log.damage !== undefined) reject(new BrokenPromise(`${log.name} takes no appends: ${log.damage}`))
      else if (log.durableOffset === log.endOffset) resolve()
    }
    log.onChange()
  })
}

function memoryDisk(state: CrashState): MemoryDisk {
  const disk = new MemoryDisk()
  for (const [path, content] of state) put(disk, path, content)
  return disk
}

async function fill(disk: Disk, state: CrashState): Promise<void> {
  const directories = ['/']
  for (const [path, content] of state) {
    put(disk, path, content)
    if (content === undefined) directories.push(path)
  }
  const files = [...state].filter(([, content]) => content !== undefined)
  await Promise.all([
    ...directories.map((path) => disk.syncDirectory(path)),
    ...files.map(([path]) => disk.open(path, 'write').sync()),
  ])
}

function put(disk: Disk, path: string, content: Uint8Array | undefined): void {
  if (content === undefined) disk.makeDirectory(path)
  else disk.open(path, 'create').write([content], 0)
}
