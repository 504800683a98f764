import type { LogSettings } from '../../packages/broker/src/log/log.ts'
import type { LogStoreOptions } from '../../packages/broker/src/log/store.ts'
import { LogStore } from '../../packages/broker/src/log/store.ts'
import type { Disk } from '../../packages/broker/src/host/disk.ts'
import { MemoryDisk } from '../../packages/broker/src/host/memory/memory-disk.ts'
import { buildBatch } from '../../packages/broker/src/record/build.ts'
import type { Logger } from '../../packages/broker/src/telemetry/logger.ts'
import { silentLogger } from '../../packages/broker/src/telemetry/logger.ts'
import type { TakenBatch } from '../crash-states/expectation.ts'
import { TurnClock } from '../crash-states/turn-clock.ts'

/** Content of every file of a data directory, by path. */
export type Files = Map<string, Uint8Array>

/** A data directory at three moments, and what its logs hold at each. */
export interface Golden {
  /** After a clean stop. */
  stopped: Moment
  /** Killed while it served: what was written is there, synced or not. */
  killed: Moment
  /** At the very moment of an acknowledgement: nothing was written since that shows the last group was synced. */
  acknowledged: Moment
}

export interface Moment {
  files: Files
  /** Batches of each log that were acknowledged. */
  logs: Map<string, TakenBatch[]>
}

const directory = '/data'
const segmentBytes = 64 * 1024

const settings: LogSettings = {
  durability: 'fsync',
  segmentBytes,
  segmentMs: 1e12,
  segmentJitterMs: 0,
  segmentIndexBytes: 1 << 20,
  indexIntervalBytes: 4096,
}

export function goldenOptions(disk: Disk, logger: Logger = silentLogger): LogStoreOptions {
  return {
    disk,
    clock: new TurnClock(),
    logger,
    directory,
    directoryId: new Uint8Array(16).fill(7),
    settingsOf: () => settings,
    journalFileBytes: 8 * 1024,
    directBytesMin: 6000,
    tailMemoryBytesMax: 16 * 1024,
    openFilesMax: 16,
    durable: (log) => log.onChange(),
  }
}

/** Makes the directory: a full segment of 64 KiB with its index, a second one, a small log, journal files, a checkpoint. */
export async function makeGolden(): Promise<Golden> {
  const disk = new MemoryDisk()
  const logs = new Map<string, TakenBatch[]>()
  let store = await LogStore.open(goldenOptions(disk))
  store.create('large-0', settings)
  store.create('small-0', settings)
  await fill(store, logs, 0, 45)
  await store.close()
  const stopped = momentOf(disk, logs)
  store = await LogStore.open(goldenOptions(disk))
  await fill(store, logs, 45, 60)
  // The files are taken in the callback: what the journal writes after it is not there yet.
  const acknowledged = await fill(store, logs, 60, 61, () => momentOf(disk, logs))
  return { stopped, killed: momentOf(disk, logs), acknowledged: acknowledged! }
}

async function fill(
  store: LogStore,
  logs: Map<string, TakenBatch[]>,
  from: number,
  to: number,
  acknowledged?: () => Moment,
): Promise<Moment | undefined> {
  let moment: Moment | undefined
  for (let i = from; i < to; i++) {
    const log = store.get(i % 7 === 3 ? 'small-0' : 'large-0')!
    // Every tenth is large enough to be synced in its segment at once.
    const bytes = i % 10 === 5 ? 6500 : 300 + ((i * 397) % 1500)
    const value = Buffer.alloc(bytes, `batch ${i} `)
    const records = [
      { key: Buffer.from(`key ${i}`), value },
      { key: null, value: Buffer.from(`second of ${i}`) },
    ]
    const batch = buildBatch(records, { baseTimestampMs: 1_700_000_000_000 + i })
    await new Promise<void>((resolve) => {
      log.onChange = () => {
        if (log.durableOffset < log.endOffset) return
        moment = acknowledged?.()
        resolve()
      }
      const baseOffset = log.append(batch, false, Math.floor(i / 20))
      const taken = { baseOffset, endOffset: log.endOffset, bytes: Uint8Array.from(batch) }
      logs.set(log.name, [...(logs.get(log.name) ?? []), taken])
    })
    // Lets the journal say that this was synced.
    await new Promise((resolve) => setImmediate(resolve))
    await new Promise((resolve) => setImmediate(resolve))
  }
  return moment
}

function momentOf(disk: MemoryDisk, logs: ReadonlyMap<string, TakenBatch[]>): Moment {
  return { files: filesOf(disk), logs: new Map(logs) }
}

/** Reads all files; folders are known by the data directory's layout. */
export function filesOf(disk: Disk, path = directory): Files {
  const files: Files = new Map()
  for (const name of disk.list(path)) {
    const child = `${path}/${name}`
    const size = disk.sizeOf(child)
    if (size === undefined) {
      for (const [at, bytes] of filesOf(disk, child)) files.set(at, bytes)
      continue
    }
    const bytes = new Uint8Array(size)
    const file = disk.open(child, 'read')
    file.readNow(bytes, 0)
    file.close()
    files.set(child, bytes)
  }
  return files
}

export function diskWith(files: ReadonlyMap<string, Uint8Array>): MemoryDisk {
  const disk = new MemoryDisk()
  for (const folder of ['journal', 'logs']) disk.makeDirectory(`${directory}/${folder}`)
  for (const [path, bytes] of files) {
    disk.makeDirectory(path.slice(0, path.lastIndexOf('/')))
    const file = disk.open(path, 'create')
    file.write([bytes], 0)
    file.close()
  }
  return disk
}
