import { readIdentity } from '../data-directory.ts'
import type { DirectoryIdentity } from '../data-directory.ts'
import { BrokerError } from '../errors/errors.ts'
import type { Disk } from '../host/disk.ts'
import { EntryKind } from '../journal/format.ts'
import type { ReplayedEntry } from '../journal/replay.ts'
import { JournalDamageError, replayJournal } from '../journal/replay.ts'
import { neededSequenceOf, readCheckpoint } from '../log/checkpoint.ts'
import type { Checkpoint, StoredLog } from '../log/checkpoint.ts'
import { findMissingRecords } from '../log/log-damage.ts'
import { logDirectory } from '../log/recovery.ts'
import { segmentFileName } from '../log/segment.ts'
import { lastOffsetOf, recordCountOf } from '../record/batch.ts'
import { silentLogger } from '../telemetry/logger.ts'
import { findSetAside } from './set-aside.ts'
import type { SetAside } from './set-aside.ts'
import { verifySegment } from './verify-segment.ts'

export interface InspectedLog {
  name: string
  topic: string
  partition: number
  startOffset: number
  /** After segments and journal together. */
  endOffset: number
  segments: number
  bytes: number
  records: number
  /** Records that are only in the journal. */
  journaledRecords: number
}

export interface InspectReport {
  directory: string
  identity: DirectoryIdentity
  cleanlyStopped: boolean
  logs: InspectedLog[]
  journal: { files: number; entries: number; tornBytes: number }
  /** What is wrong, each with its file; empty if all is well. */
  problems: string[]
  /** What is odd but harmless: torn tails, leftovers. */
  remarks: string[]
  /** Files and folders that recoveries have put out of the way; no broker reads them. */
  setAside: SetAside[]
}

/**
 * Reads a data directory whose broker is stopped and checks every byte that has a checksum. Changes nothing.
 * @param progress called with the bytes read so far and the bytes there are
 * @throws BrokerError 'storage' if the directory is none, or is damaged so that nothing can be said
 */
export async function inspectDirectory(
  disk: Disk,
  directory: string,
  progress: (doneBytes: number, totalBytes: number) => void,
): Promise<InspectReport> {
  const identity = readIdentity(disk, directory)
  if (!identity) throw new BrokerError('storage', `${directory} is no Polylog data directory`)
  const checkpoint = readCheckpoint(disk, directory)
  if (!checkpoint) throw new BrokerError('storage', `${directory}/checkpoint is missing`)
  const report: InspectReport = {
    directory,
    identity,
    cleanlyStopped: checkpoint.clean,
    logs: [],
    journal: { files: 0, entries: 0, tornBytes: 0 },
    problems: [],
    remarks: [],
    setAside: findSetAside(disk, directory),
  }
  const totalBytes = segmentBytes(disk, directory, checkpoint)
  let doneBytes = 0
  for (const stored of checkpoint.logs) {
    await inspectLog(disk, stored, report, (bytes) => {
      doneBytes += bytes
      progress(doneBytes, totalBytes)
    })
  }
  inspectJournal(disk, checkpoint, report)
  return report
}

function segmentBytes(disk: Disk, directory: string, checkpoint: Checkpoint): number {
  let total = 0
  for (const log of checkpoint.logs) {
    for (const [base, generation] of log.segments) {
      total += disk.sizeOf(`${logDirectory(`${directory}/logs`, log)}/${segmentFileName(base, generation, 'log')}`) ?? 0
    }
  }
  return total
}

async function inspectLog(
  disk: Disk,
  stored: StoredLog,
  report: InspectReport,
  progress: (bytes: number) => void,
): Promise<void> {
  const log: InspectedLog = {
    ...topicOf(stored.name),
    name: stored.name,
    startOffset: stored.startOffset,
    endOffset: stored.syncedOffset,
    segments: stored.segments.length,
    bytes: 0,
    records: 0,
    journaledRecords: 0,
  }
  report.logs.push(log)
  if (stored.damage !== null) {
    const { damage: what, reachedOffset = 0, syncedOffset: endOffset } = stored
    const missing = findMissingRecords({ endOffset, lastingDamage: { what, reachedOffset } })
    report.problems.push(`${stored.name}: ${missing ?? what}`)
  }
  for (const [baseOffset, generation, bytes, , , , gaps] of stored.segments) {
    const directory = logDirectory(`${report.directory}/logs`, stored)
    const path = `${directory}/${segmentFileName(baseOffset, generation, 'log')}`
    if (disk.sizeOf(path) === undefined) {
      report.problems.push(`${path} is missing`)
      continue
    }
    const claim = { path, baseOffset, bytes, mayHaveGaps: gaps !== 0 }
    const findings = await verifySegment(disk, claim, progress)
    log.bytes += findings.intactBytes
    log.records += findings.records
    log.endOffset = Math.max(log.endOffset, findings.endOffset)
    if (findings.fault === undefined) continue
    if (findings.intactBytes < bytes) report.problems.push(`${path}: ${findings.fault}`)
    else report.remarks.push(`${path}: ${findings.restBytes} bytes of an unfinished write at the end`)
  }
}

/** `orders-3.id`: the topic's name and the partition, as replica/replica-manager.ts writes them. */
function topicOf(name: string): { topic: string; partition: number } {
  const label = name.slice(0, name.lastIndexOf('.'))
  const dash = label.lastIndexOf('-')
  return { topic: label.slice(0, dash), partition: Number(label.slice(dash + 1)) }
}

function emptyLog(name: string): InspectedLog {
  const nothing = { startOffset: 0, endOffset: 0, segments: 0, bytes: 0, records: 0, journaledRecords: 0 }
  return { ...topicOf(name), name, ...nothing }
}

function inspectJournal(disk: Disk, checkpoint: Checkpoint, report: InspectReport): void {
  const byId = new Map(checkpoint.logs.map((stored, i) => [stored.id, report.logs[i]!]))
  const { directory, journal } = report
  const visit = (entry: ReplayedEntry): void => {
    journal.entries++
    if (!entry.intact) report.problems.push(`${entry.file}: broken batch at byte ${entry.position}`)
    // A log younger than the checkpoint is known to the journal alone.
    if (entry.kind === EntryKind.createLog && entry.logId >= checkpoint.nextLogId) {
      const young = emptyLog(entry.payload.toString())
      byId.set(entry.logId, young)
      report.logs.push(young)
    }
    const log = byId.get(entry.logId)
    if (log && entry.kind === EntryKind.deleteLog) report.logs.splice(report.logs.indexOf(log), 1)
    if (!log || entry.kind !== EntryKind.batch || !entry.intact) return
    const endOffset = lastOffsetOf(entry.payload, 0) + 1
    if (endOffset <= log.endOffset) return
    log.journaledRecords += recordCountOf(entry.payload, 0)
    log.endOffset = endOffset
  }
  try {
    const directoryId = Buffer.from(report.identity.directoryId, 'hex')
    const options = {
      disk,
      logger: silentLogger,
      directory: `${directory}/journal`,
      directoryId,
      neededSequence: neededSequenceOf(checkpoint),
      provenSequence: checkpoint.syncedSequence,
    }
    const result = replayJournal(options, visit)
    journal.files = result.files.length
    journal.tornBytes = result.tornBytes
    if (result.tornBytes > 0) report.remarks.push(`journal: ${result.tornBytes} bytes of an unfinished write`)
  } catch (error) {
    if (!(error instanceof JournalDamageError)) throw error
    report.problems.push(error.message)
  }
}
