import type { Disk } from '../host/disk.ts'
import { EntryKind } from '../journal/format.ts'
import type { ReplayedEntry, ReplayedFile } from '../journal/replay.ts'
import { replayJournal } from '../journal/replay.ts'
import type { Logger } from '../telemetry/logger.ts'
import type { StoredLog } from './checkpoint.ts'
import { CheckpointDamageError, readCheckpoint } from './checkpoint.ts'
import type { FileBudget } from './file-budget.ts'
import type { LogSettings, LogSurroundings } from './log.ts'
import { Log } from './log.ts'
import type { RecoveringLog, RecoveryOptions } from './recovery.ts'
import { applyEntry, checkFiles, fromCheckpoint, scanFiles } from './recovery.ts'

export interface RecoverStoreOptions {
  disk: Disk
  logger: Logger
  directory: string
  directoryId: Uint8Array
  files: FileBudget
  surroundings: LogSurroundings
  settingsOf: (name: string) => LogSettings
}

export interface RecoveredStore {
  logs: Log[]
  clean: boolean
  nextLogId: number
  nextSequence: number
  nextFileNumber: number
  journalFiles: ReplayedFile[]
}

/** While the journal is replayed, a log's memory goes to its segment when it reaches this. */
const flushBytesMin = 4 << 20

interface Recovery {
  options: RecoverStoreOptions
  scan: RecoveryOptions
  logs: Map<number, { recovering: RecoveringLog; log: Log }>
  /** Ids below this were known when the checkpoint was written: in its list, or deleted. */
  checkpointLogId: number
  nextLogId: number
}

/**
 * Rebuilds the logs from checkpoint, segments and journal. Without a crash that is the checkpoint alone, whatever the
 * amount of data.
 * @throws CheckpointDamageError, JournalDamageError: then nothing has been changed
 */
export function recoverStore(options: RecoverStoreOptions): RecoveredStore {
  const { disk, logger, directory, directoryId, files } = options
  const checkpoint = readCheckpoint(disk, directory)
  const logsDirectory = `${directory}/logs`
  if (!checkpoint) {
    const strangers = [...disk.list(logsDirectory), ...disk.list(`${directory}/journal`)]
    if (strangers.length > 0) throw new CheckpointDamageError(`${directory}/checkpoint`, 'it is missing')
    return { logs: [], clean: true, nextLogId: 1, nextSequence: 1, nextFileNumber: 1, journalFiles: [] }
  }
  const recovery: Recovery = {
    options,
    scan: { disk, files, logger, logsDirectory, indexIntervalBytes: 4096 },
    logs: new Map(),
    checkpointLogId: checkpoint.nextLogId,
    nextLogId: checkpoint.nextLogId,
  }
  for (const stored of checkpoint.logs) addLog(recovery, stored, !checkpoint.clean)
  const replayOptions = { disk, logger, directory: `${directory}/journal`, directoryId }
  const replayed = replayJournal(replayOptions, (entry) => replayEntry(recovery, entry))
  const logs: Log[] = []
  for (const { recovering, log } of recovery.logs.values()) {
    settle(options, recovering, log)
    logs.push(log)
  }
  moveOrphans(options, logs)
  return {
    logs,
    clean: checkpoint.clean,
    nextLogId: recovery.nextLogId,
    nextSequence: Math.max(replayed.nextSequence, checkpoint.nextSequence),
    nextFileNumber: replayed.nextFileNumber,
    journalFiles: replayed.files,
  }
}

function addLog(recovery: Recovery, stored: StoredLog, scan: boolean): void {
  const recovering = fromCheckpoint(recovery.scan, stored)
  if (scan) scanFiles(recovery.scan, recovering)
  else checkFiles(recovery.scan, recovering)
  const { surroundings, settingsOf } = recovery.options
  const log = new Log(surroundings, settingsOf(stored.name), recovering.state)
  recovery.logs.set(stored.id, { recovering, log })
}

function replayEntry(recovery: Recovery, entry: ReplayedEntry): void {
  if (entry.kind === EntryKind.createLog) {
    if (entry.logId < recovery.checkpointLogId) return
    recovery.nextLogId = Math.max(recovery.nextLogId, entry.logId + 1)
    addLog(recovery, newLog(entry.logId, entry.payload.toString()), true)
    return
  }
  if (entry.kind === EntryKind.deleteLog) {
    const deleted = recovery.logs.get(entry.logId)
    if (!deleted) return
    recovery.logs.delete(entry.logId)
    recovery.options.disk.removeDirectory(deleted.log.directory)
    return
  }
  // Entries of a log that is not there: it was deleted, and the checkpoint is newer than the entry.
  const target = recovery.logs.get(entry.logId)
  if (!target) return
  applyEntry(target.recovering, entry, (batch) => {
    const { log, recovering } = target
    // Where the scan stopped at torn bytes, they must go before the segment is written again.
    if (log.tail.unflushedBytes >= flushBytesMin) flushInto(recovery.options, recovering, log)
    log.appendStamped(batch, false)
    recovering.state.endOffset = log.endOffset
  })
}

function newLog(id: number, name: string): StoredLog {
  return {
    id,
    name,
    startOffset: 0,
    syncedOffset: 0,
    sequence: 0,
    epochs: [],
    producers: [],
    segments: [],
    damage: null,
  }
}

/** All entries are in: decides between torn tail and damage, and cuts the former. */
function settle(options: RecoverStoreOptions, recovering: RecoveringLog, log: Log): void {
  if (recovering.damage === undefined && log.endOffset < recovering.provenOffset) {
    recovering.damage = `the log ends at offset ${log.endOffset}, but ${recovering.provenOffset} had been synced`
  }
  log.producers.truncateEnd(log.endOffset)
  log.markDurable(log.endOffset)
  if (recovering.damage === undefined) {
    flushInto(options, recovering, log)
    return
  }
  options.logger.error('log damaged, it takes no more records', { log: log.name, damage: recovering.damage })
  log.damage = recovering.damage
}

/** Folders that belong to no log are moved out of the way, never removed: a crash in the middle of a deletion leaves them. */
function moveOrphans(options: RecoverStoreOptions, logs: readonly Log[]): void {
  const { disk, directory, logger } = options
  const known = new Set(logs.map((log) => log.name))
  for (const name of disk.list(`${directory}/logs`)) {
    if (known.has(name)) continue
    disk.makeDirectory(`${directory}/orphans`)
    disk.rename(`${directory}/logs/${name}`, `${directory}/orphans/${name}`)
    logger.warn('folder belongs to no log, moved', { folder: `${directory}/orphans/${name}` })
  }
}

/** Sets torn bytes aside, then writes what the journal had. */
function flushInto(options: RecoverStoreOptions, recovering: RecoveringLog, log: Log): void {
  const { torn } = recovering
  if (torn) {
    recovering.torn = undefined
    const { path, bytes } = torn.segment
    options.logger.warn('segment tail torn by a crash, cut', {
      file: path,
      position: bytes,
      bytes: torn.fileBytes - bytes,
    })
    setAside(options, path, bytes, torn.fileBytes)
  }
  log.flush()
}

/** Copies the bytes from `position` on to a file `….torn` for whoever wants to look, and cuts them off. */
function setAside(options: RecoverStoreOptions, path: string, position: number, end: number): void {
  const { disk } = options
  const source = disk.open(path, 'write')
  const copy = disk.open(`${path}.${position}.torn`, 'write')
  try {
    const buffer = Buffer.allocUnsafe(Math.min(1 << 20, end - position))
    for (let at = position; at < end; ) {
      const count = source.readNow(buffer.subarray(0, Math.min(buffer.length, end - at)), at)
      if (count === 0) break
      copy.write([buffer.subarray(0, count)], at - position)
      at += count
    }
    source.truncate(position)
  } finally {
    source.close()
    copy.close()
  }
}
