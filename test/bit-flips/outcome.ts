import { JournalDamageError } from '../../packages/broker/src/journal/replay.ts'
import { CheckpointDamageError } from '../../packages/broker/src/log/checkpoint.ts'
import { LogDamageError } from '../../packages/broker/src/log/log-damage.ts'
import type { Log } from '../../packages/broker/src/log/log.ts'
import { LogStore } from '../../packages/broker/src/log/store.ts'
import { batchBytesOf } from '../../packages/broker/src/record/batch.ts'
import type { Logger } from '../../packages/broker/src/telemetry/logger.ts'
import { silentLogger } from '../../packages/broker/src/telemetry/logger.ts'
import type { TakenBatch } from '../crash-states/expectation.ts'
import type { DiskWrapper } from '../crash-states/disk-wrapper.ts'
import type { Files } from './golden.ts'
import { diskWith, filesOf, goldenOptions } from './golden.ts'

/**
 * What became of a damaged data directory:
 * - `same`: every acknowledged record is served as it was;
 * - `detected`: the store or a log says what is damaged, or a read does; everything else is served as it was;
 * - `torn`: acknowledged records are gone from the end of the journal, as if they had never been synced: nothing on the
 *   disk shows that they were. They are kept in a `.torn` file, and the log says so.
 */
export type Outcome = 'same' | 'detected' | 'torn'

/** Damage that the store passed on, or answered with a loss of its own. */
class DamageMissed extends Error {
  constructor(what: string) {
    super(what)
    this.name = 'DamageMissed'
  }
}

/** Opens a store on `files` and reads everything. @throws DamageMissed, and whatever nobody expects */
export async function outcomeOf(
  files: Files,
  logs: ReadonlyMap<string, readonly TakenBatch[]>,
  wrap: DiskWrapper = (disk) => disk,
): Promise<Outcome> {
  const disk = diskWith(files)
  const warnings: string[] = []
  let store: LogStore
  try {
    store = await LogStore.open(goldenOptions(wrap(disk), warningsInto(warnings)))
  } catch (error) {
    if (!(error instanceof JournalDamageError || error instanceof CheckpointDamageError)) throw error
    checkNothingGone(files, filesOf(disk))
    return 'detected'
  }
  const outcomes: Outcome[] = []
  for (const [name, batches] of logs) {
    const log = store.get(name)
    if (!log) throw new DamageMissed(`log ${name} is gone`)
    outcomes.push(await outcomeOfLog(log, batches))
  }
  const after = filesOf(disk)
  if (outcomes.includes('torn')) checkTornKept(after, warnings)
  checkSegmentsKept(files, after)
  return outcomes.find((outcome) => outcome === 'torn') ?? outcomes.find((outcome) => outcome === 'detected') ?? 'same'
}

async function outcomeOfLog(log: Log, batches: readonly TakenBatch[]): Promise<Outcome> {
  let outcome: Outcome = log.damage === undefined ? 'same' : 'detected'
  let index = 0
  while (index < batches.length && batches[index]!.baseOffset < log.endOffset) {
    try {
      const read = await log.read(batches[index]!.baseOffset, log.endOffset, 1 << 20, true)
      if (read.bytes === 0) throw new DamageMissed(`${log.name}: nothing at ${batches[index]!.baseOffset}`)
      for (const chunk of read.chunks) index = checkChunk(log, chunk, batches, index)
      read.release()
    } catch (error) {
      if (!(error instanceof LogDamageError)) throw error
      outcome = 'detected'
      index++
    }
  }
  const lost = index < batches.length
  return lost && outcome === 'same' ? 'torn' : outcome
}

function checkChunk(log: Log, chunk: Uint8Array, batches: readonly TakenBatch[], from: number): number {
  let index = from
  for (let at = 0; at < chunk.length; index++) {
    const size = batchBytesOf(chunk, at)
    const batch = batches[index]
    if (!batch || Buffer.compare(chunk.subarray(at, at + size), batch.bytes) !== 0) {
      throw new DamageMissed(`${log.name}: other bytes served at offset ${batch?.baseOffset ?? log.endOffset}`)
    }
    at += size
  }
  return index
}

/** A store that refuses to open leaves every file as it is. */
function checkNothingGone(before: Files, after: Files): void {
  for (const [path, bytes] of before) {
    const now = after.get(path)
    if (!now || Buffer.compare(now, bytes) !== 0) throw new DamageMissed(`${path} was changed by a store that refused`)
  }
}

/** Journal files may go once their entries are in segments; a segment stays, whole or with its torn part beside it. */
function checkSegmentsKept(before: Files, after: Files): void {
  for (const [path, bytes] of before) {
    if (!path.endsWith('.log')) continue
    let kept = after.get(path)?.length ?? 0
    for (const [other, part] of after) if (other.startsWith(`${path}.`)) kept += part.length
    if (kept < bytes.length) throw new DamageMissed(`${path} has lost ${bytes.length - kept} bytes`)
  }
}

function checkTornKept(after: Files, warnings: readonly string[]): void {
  const kept = [...after.keys()].some((path) => path.endsWith('.journal.torn'))
  const said = warnings.includes('journal tail torn by a crash, cut')
  if (!kept || !said) throw new DamageMissed('acknowledged records are gone, not kept aside or not logged')
}

function warningsInto(warnings: string[]): Logger {
  return { ...silentLogger, warn: (event) => warnings.push(event) }
}
