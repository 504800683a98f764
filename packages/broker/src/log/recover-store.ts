import type { Disk } from '../host/disk.ts'
import { EntryKind } from '../journal/format.ts'
import type { ReplayedEntry, ReplayedFile } from '../journal/replay.ts'
import { listJournal, replayJournal } from '../journal/replay.ts'
import type { Logger } from '../telemetry/logger.ts'
import type { Checkpoint, StoredLog } from './checkpoint.ts'
import { CheckpointDamageError, neededSequenceOf, readCheckpoint } from './checkpoint.ts'
import type { FileBudget } from './file-budget.ts'
import type { LogSettings, LogSurroundings } from './log.ts'
import { Log } from './log.ts'
import { findMissingRecords } from './log-damage.ts'
import { freePath } from './orphans.ts'
import type { RecoveryProgress } from './recovery-progress.ts'
import type { RecoveringLog, RecoveryOptions } from './recovery.ts'
import { applyEntry, checkFiles, fromCheckpoint, removeLeaving, scanFiles } from './recovery.ts'

export interface RecoverStoreOptions {
  disk: Disk
  logger: Logger
  directory: string
  directoryId: Uint8Array
  files: FileBudget
  surroundings: LogSurroundings
  settingsOf: (name: string) => LogSettings
  progress: RecoveryProgress
}

export interface RecoveredStore {
  logs: Log[]
  clean: boolean
  nextLogId: number
  nextSequence: number
  nextFileNumber: number
  journalFiles: ReplayedFile[]
  /** The journal files hold what is left of a log that was found damaged just now. */
  journalNeeded: boolean
  /** Producers that a crash has taken batches from, so that older ones have to be looked for. */
  incompleteProducers: Map<Log, number[]>
  /** Folders in which names have changed. */
  changedDirectories: string[]
  /** Folders of logs that the journal says were deleted; to be removed once a checkpoint does not name them any more. */
  deletedDirectories: string[]
}

/** While the journal is replayed, a log's memory goes to its segment when it reaches this. */
const flushBytesMin = 4 << 20

interface Recovery {
  options: RecoverStoreOptions
  scan: RecoveryOptions
  logs: Map<number, { recovering: RecoveringLog; log: Log }>
  /** Logs made or deleted by journal entries below this are in the checkpoint's list or not, as they should be. */
  checkpointSequence: number
  nextLogId: number
  deletedDirectories: string[]
  changedDirectories: Set<string>
  incompleteProducers: Map<Log, number[]>
}

/**
 * Rebuilds the logs from checkpoint, segments and journal. Without a crash that is the checkpoint alone, whatever the
 * amount of data.
 * @throws CheckpointDamageError, JournalDamageError: then nothing has been changed
 */
export function recoverStore(options: RecoverStoreOptions): RecoveredStore {
  const { disk, logger, directory, files } = options
  const checkpoint = readCheckpoint(disk, directory)
  const logsDirectory = `${directory}/logs`
  if (!checkpoint) return emptyStore(options)
  const recovery: Recovery = {
    options,
    scan: { disk, files, logger, logsDirectory, indexIntervalBytes: 4096 },
    logs: new Map(),
    checkpointSequence: checkpoint.nextSequence,
    nextLogId: checkpoint.nextLogId,
    deletedDirectories: [],
    changedDirectories: new Set(),
    incompleteProducers: new Map(),
  }
  for (const [i, stored] of checkpoint.logs.entries()) {
    addLog(recovery, stored, !checkpoint.clean)
    options.progress.step('reading segments', i + 1, checkpoint.logs.length)
  }
  const journal = replay(recovery, checkpoint)
  const recovered = [...recovery.logs.values()]
  for (const { recovering, log } of recovered) settle(recovery, recovering, log)
  return {
    logs: recovered.map(({ log }) => log),
    clean: checkpoint.clean,
    nextLogId: recovery.nextLogId,
    nextSequence: Math.max(journal.nextSequence, checkpoint.nextSequence),
    nextFileNumber: journal.nextFileNumber,
    journalFiles: journal.files,
    journalNeeded: recovered.some(
      ({ recovering, log }) => recovering.stored.damage === null && log.damage !== undefined,
    ),
    incompleteProducers: recovery.incompleteProducers,
    changedDirectories: [...recovery.changedDirectories],
    deletedDirectories: recovery.deletedDirectories,
  }
}

function emptyStore({ disk, directory }: RecoverStoreOptions): RecoveredStore {
  const strangers = [...disk.list(`${directory}/logs`), ...disk.list(`${directory}/journal`)]
  if (strangers.length > 0) throw new CheckpointDamageError(`${directory}/checkpoint`, 'it is missing')
  const firsts = { nextLogId: 1, nextSequence: 1, nextFileNumber: 1 }
  const nothing = { logs: [], journalFiles: [], changedDirectories: [], deletedDirectories: [] }
  return { ...firsts, ...nothing, incompleteProducers: new Map(), clean: true, journalNeeded: false }
}

interface JournalEnd {
  nextSequence: number
  nextFileNumber: number
  files: ReplayedFile[]
}

/** After a clean stop journal files are there only if their removal was lost; nothing in them matters. */
function replay(recovery: Recovery, checkpoint: Checkpoint): JournalEnd {
  const { disk, logger, directory, directoryId } = recovery.options
  const journalDirectory = `${directory}/journal`
  if (checkpoint.clean) return { ...listJournal(disk, journalDirectory), nextSequence: checkpoint.nextSequence }
  const options = {
    disk,
    logger,
    directory: journalDirectory,
    directoryId,
    neededSequence: neededSequenceOf(checkpoint),
    provenSequence: checkpoint.syncedSequence,
  }
  return replayJournal(options, (entry) => replayEntry(recovery, entry))
}

function addLog(recovery: Recovery, stored: StoredLog, scan: boolean): void {
  const recovering = fromCheckpoint(recovery.scan, stored)
  if (removeLeaving(recovery.scan, recovering)) recovery.changedDirectories.add(recovering.state.directory)
  if (scan) scanFiles(recovery.scan, recovering)
  else checkFiles(recovery.scan, recovering)
  const log = new Log(recovery.options.surroundings, recovery.options.settingsOf(stored.name), recovering.state)
  recovery.logs.set(stored.id, { recovering, log })
}

function replayEntry(recovery: Recovery, entry: ReplayedEntry): void {
  const isOlder = entry.sequence < recovery.checkpointSequence
  if (isOlder && (entry.kind === EntryKind.createLog || entry.kind === EntryKind.deleteLog)) return
  if (entry.kind === EntryKind.createLog) {
    recovery.nextLogId = Math.max(recovery.nextLogId, entry.logId + 1)
    addLog(recovery, newLog(entry.logId, entry.payload.toString()), true)
    return
  }
  const target = recovery.logs.get(entry.logId)
  // Entries of a log that is not there: it was deleted, and the checkpoint is newer than the entry.
  if (!target) return
  if (entry.kind === EntryKind.deleteLog) {
    recovery.logs.delete(entry.logId)
    recovery.deletedDirectories.push(target.log.directory)
    return
  }
  const { log, recovering } = target
  applyEntry(recovering, entry, (batch) => {
    makeRoom(recovery, recovering)
    if (log.tail.unflushedBytes >= flushBytesMin) log.flush()
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
function settle(recovery: Recovery, recovering: RecoveringLog, log: Log): void {
  const { stored, provenOffset } = recovering
  if (recovering.damage === undefined && log.endOffset < provenOffset) {
    recovering.damage = `the log ends at offset ${log.endOffset}, but ${provenOffset} had been synced`
  }
  const incomplete = log.producers.truncateEnd(log.endOffset)
  if (incomplete.length > 0) recovery.incompleteProducers.set(log, incomplete)
  log.markDurable(log.endOffset)
  if (recovering.damage === undefined) {
    makeRoom(recovery, recovering)
    return
  }
  const reachedOffset = Math.max(recovering.reachedOffset, log.endOffset)
  if (recovering.doubtfulOffset !== undefined) log.truncate(recovering.doubtfulOffset, log.producers)
  log.setDamaged({ what: recovering.damage, reachedOffset })
  const since = stored.damage === null ? 'now' : 'earlier'
  const fields = { log: log.name, damage: recovering.damage, missing: findMissingRecords(log), since }
  recovery.options.logger.error('log damaged, it takes no more records', fields)
}

/**
 * Puts what lies behind the end of a log out of the way, under another name for whoever wants to look: the torn bytes of
 * its last segment and the files behind a hole. Must be durable before the log grows, or it would meet them again.
 */
function makeRoom(recovery: Recovery, recovering: RecoveringLog): void {
  const { torn, strays, state } = recovering
  if (!torn && strays.length === 0) return
  const { disk, logger } = recovery.options
  recovery.changedDirectories.add(state.directory)
  if (torn) {
    recovering.torn = undefined
    const { path, bytes } = torn.segment
    const cut = { file: path, position: bytes, bytes: torn.fileBytes - bytes }
    logger.warn('segment tail torn by a crash, cut', cut)
    cutTail(disk, path, bytes, torn.fileBytes)
    state.unsynced.add(torn.segment)
  }
  for (const path of strays.splice(0)) {
    const slash = path.lastIndexOf('/')
    const target = freePath(disk, path.slice(0, slash), `${path.slice(slash + 1)}.torn`)
    disk.rename(path, target)
    logger.warn('segment behind a torn tail, moved', { file: target })
  }
}

/** Copies the bytes from `position` on to a file `….torn` and cuts them off. */
function cutTail(disk: Disk, path: string, position: number, end: number): void {
  const slash = path.lastIndexOf('/')
  const source = disk.open(path, 'write')
  const copy = disk.open(freePath(disk, path.slice(0, slash), `${path.slice(slash + 1)}.${position}.torn`), 'create')
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
