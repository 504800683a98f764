import type { WatchEvent } from '../metadata-store.ts'
import { keyOf, revisionOf } from './revision-gatherer.ts'

/** What the store says of the keys under a watch at one revision. */
export interface AuditSample {
  readonly revision: number
  /** All keys under the prefix. */
  readonly count: number
  /** Those changed after the revision that was asked for. */
  readonly changed: readonly { readonly key: string; readonly modRevision: number }[]
}

interface Told {
  readonly revision: number
  readonly createRevision: number
  /** 0 for a deletion. */
  readonly version: number
}

/**
 * Finds out whether a watch has lost events, as etcd's watches have (issues 15271, 17529, 18089). Two checks:
 * versions of a key must follow each other, and from time to time what was told is compared with a sample of the store.
 * It remembers what was told since the last sample only.
 */
export class WatchAudit {
  #revisionSampled: number
  #countSampled: number | undefined
  #revisionTold = 0
  readonly #told = new Map<string, Told>()
  readonly #growth: { readonly revision: number; readonly count: number }[] = []

  /** @param fromRevision where the watch begins */
  constructor(fromRevision: number) {
    this.#revisionSampled = fromRevision - 1
  }

  /** A sample must hold the keys changed after this revision. */
  get revisionSampled(): number {
    return this.#revisionSampled
  }

  /** Keys remembered. */
  get size(): number {
    return this.#told.size
  }

  /** Notes the events of one revision. Returns false when something before them is missing. */
  note(revision: number, events: readonly WatchEvent[]): boolean {
    let count = 0
    for (const event of events) {
      const key = keyOf(event)
      const before = this.#told.get(key)
      if (!follows(event, before, this.#revisionSampled)) return false
      if (event.kind === 'put') {
        const { createRevision, version } = event.keyValue
        if (version === 1) count++
        this.#told.set(key, { revision, createRevision, version })
      } else {
        count--
        this.#told.set(key, { revision, createRevision: 0, version: 0 })
      }
    }
    this.#revisionTold = revision
    if (count !== 0) this.#growth.push({ revision, count })
    return true
  }

  /** The last revision told; 0 when none has been. */
  get revisionTold(): number {
    return this.#revisionTold
  }

  /**
   * Whether the store has gone back behind what it had shown, as after a restore from a backup.
   * @param revisionTold the last revision told when the sample was asked for
   */
  hasGoneBack(sample: AuditSample, revisionTold: number): boolean {
    if (sample.revision < revisionTold) return true
    return this.#countSampled !== undefined && sample.revision < this.#revisionSampled
  }

  /**
   * Compares a sample with what has been told by now, some time after the sample was taken. Returns false when something
   * is missing; otherwise the next sample is compared with this one. A watch of the future has nothing to compare yet.
   */
  settle(sample: AuditSample): boolean {
    if (sample.revision <= this.#revisionSampled) return true
    if (sample.changed.some(({ key, modRevision }) => (this.#told.get(key)?.revision ?? 0) < modRevision)) return false
    let growth = 0
    while (this.#growth.length > 0 && this.#growth[0]!.revision <= sample.revision)
      growth += this.#growth.shift()!.count
    if (this.#countSampled !== undefined && this.#countSampled + growth !== sample.count) return false
    this.#revisionSampled = sample.revision
    this.#countSampled = sample.count
    for (const [key, { revision }] of this.#told) if (revision <= sample.revision) this.#told.delete(key)
    return true
  }
}

/** Whether `event` may come after `before`, the last one of its key; undefined when there was none since `revisionSampled`. */
function follows(event: WatchEvent, before: Told | undefined, revisionSampled: number): boolean {
  if (revisionOf(event) <= (before?.revision ?? 0)) return false
  if (event.kind === 'delete') return before?.version !== 0
  const { version, createRevision } = event.keyValue
  if (before !== undefined) return version === before.version + 1
  return createRevision <= revisionSampled || version === 1
}
