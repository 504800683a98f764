import type { Finding } from '../history.ts'
import { Timeline } from '../timeline.ts'
import type { MetadataHistory, MetadataOperation, SeenKey, WatchHistory } from './metadata-history.ts'

function isWriting({ then, otherwise, answer }: MetadataOperation): boolean {
  const taken = answer?.succeeded === true ? then : otherwise
  const deletes = (answer?.responses ?? []).some((each) => 'deleted' in each && each.deleted > 0)
  return deletes || taken.some(({ kind }) => kind === 'put')
}

/**
 * metadata-revision-order: an answer tells a lower revision than one that had come before it was asked for, or two writes
 * have one revision.
 */
export function checkRevisions({ operations }: MetadataHistory, findings: Finding[]): void {
  const told = new Timeline()
  for (const { end, answer } of operations) if (answer?.revision !== undefined) told.add(end, answer.revision)
  const writers = new Map<number, MetadataOperation>()
  for (const operation of operations) {
    const revision = operation.answer?.revision
    if (revision === undefined) continue
    const before = told.before(operation.begin)
    const writes = isWriting(operation)
    if (revision < before || (writes && revision === before)) {
      const detail = `${operation.client} was told revision ${revision} of a ${writes ? 'write' : 'read'} that began after ${before} had been told`
      findings.push({ kind: 'metadata-revision-order', where: 'the metadata store', detail })
    }
    if (!writes) continue
    const other = writers.get(revision)
    writers.set(revision, operation)
    if (other === undefined) continue
    const detail = `revision ${revision} was written by ${other.client} and by ${operation.client}`
    findings.push({ kind: 'metadata-revision-order', where: 'the metadata store', detail })
  }
}

/** metadata-fork: a key has been seen with two contents at one revision. */
export function checkForks({ operations, watches, pinned }: MetadataHistory, findings: Finding[]): void {
  const known = new Map<string, string>()
  const note = (where: string, { key, value, createRevision, modRevision, version, lease }: SeenKey): void => {
    const place = `${key}@${modRevision}`
    const content = JSON.stringify([value, createRevision, version, lease])
    const before = known.get(place)
    known.set(place, content)
    if (before === undefined || before === content) return
    findings.push({ kind: 'metadata-fork', where: place, detail: `${before}; ${where} saw ${content}` })
  }
  for (const { client, answer } of operations) {
    for (const response of answer?.responses ?? []) {
      if (response.kind === 'get' && response.keyValue !== undefined) note(client, response.keyValue)
      else if (response.kind === 'range') for (const each of response.keyValues) note(client, each)
    }
  }
  for (const { client, changes } of watches) for (const { puts } of changes) for (const each of puts) note(client, each)
  for (const each of pinned) note('a reader of the past', each)
}

/** metadata-watch-order: a watch told revisions that do not rise. metadata-watch-gap: it passed a known write over. */
export function checkWatches({ operations, watches }: MetadataHistory, findings: Finding[]): void {
  const writes = operations
    .flatMap(({ then, otherwise, answer }) => {
      if (answer?.revision === undefined) return []
      const steps = answer.succeeded ? then : otherwise
      return steps.flatMap((step) => (step.kind === 'put' ? [{ key: step.key, revision: answer.revision! }] : []))
    })
    .sort((one, other) => one.revision - other.revision)
  for (const watch of watches) checkWatch(watch, writes, findings)
}

function checkWatch(
  { client, prefix, fromRevision, changes }: WatchHistory,
  writes: readonly { key: string; revision: number }[],
  findings: Finding[],
): void {
  const where = `watch of ${client} for ${prefix} from ${fromRevision}`
  let last = fromRevision - 1
  for (const { revision } of changes) {
    if (revision <= last) {
      findings.push({ kind: 'metadata-watch-order', where, detail: `told ${revision} after ${last}` })
    }
    last = Math.max(last, revision)
  }
  const told = new Set(changes.flatMap(({ revision, puts }) => puts.map(({ key }) => `${key}@${revision}`)))
  for (const { key, revision } of writes) {
    if (revision < fromRevision || revision > last) continue
    if (!key.startsWith(prefix) || told.has(`${key}@${revision}`)) continue
    findings.push({ kind: 'metadata-watch-gap', where, detail: `${key} at ${revision} was not told, ${last} was` })
  }
}
