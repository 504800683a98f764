import { MetadataError } from '../metadata-error.ts'
import type { KeyValue, LeaseId, WatchEvent } from '../metadata-store.ts'
import { SortedKeys } from './sorted-keys.ts'

/** What a key or a change counts beside its text, for the objects that hold it. */
const overheadBytes = 64

/** All changes of one revision, in the order in which they were made. */
export interface RevisionChanges {
  readonly revision: number
  readonly events: WatchEvent[]
}

/** A state of one key: from `modRevision` on it is `keyValue`, or deleted when that is undefined. */
interface KeyState {
  readonly modRevision: number
  readonly keyValue: KeyValue | undefined
}

/** What a range found. */
export interface KeyRange {
  readonly keyValues: KeyValue[]
  readonly more: boolean
  readonly count: number
}

/**
 * Keys with their history since `compactRevision`, in memory. Revisions follow each other without a gap: a revision is
 * opened by its first change, so one without changes does not exist.
 */
export class KeySpace {
  readonly #sorted = new SortedKeys()
  /** Ascending by revision, never empty. */
  readonly #states = new Map<string, KeyState[]>()
  /** Changes of the revisions from compactRevision + 1 to revision, from index #historyStart on. */
  #history: RevisionChanges[] = []
  #historyStart = 0
  #revision: number
  #compactRevision: number
  #bytesLive = 0
  #bytesHistory = 0

  /** An empty space at `revision`, filled by `restore` if that is not 1, the revision of a new store. */
  constructor(revision = 1) {
    this.#revision = revision
    this.#compactRevision = revision === 1 ? 0 : revision
  }

  get revision(): number {
    return this.#revision
  }

  /** The oldest revision that can be read. Changes are kept of those after it. */
  get compactRevision(): number {
    return this.#compactRevision
  }

  /** Revisions whose changes are kept. */
  get historyCount(): number {
    return this.#history.length - this.#historyStart
  }

  /** Keys of which any state is kept, deleted ones included. */
  get keyCount(): number {
    return this.#states.size
  }

  get bytesLive(): number {
    return this.#bytesLive
  }

  get bytesHistory(): number {
    return this.#bytesHistory
  }

  get(key: string, atRevision = this.#revision): KeyValue | undefined {
    const states = this.#states.get(key)
    if (states === undefined) return undefined
    for (let index = states.length - 1; index >= 0; index--) {
      const state = states[index]!
      if (state.modRevision <= atRevision) return state.keyValue
    }
    return undefined
  }

  range(prefix: string, atRevision = this.#revision, limit = Number.POSITIVE_INFINITY): KeyRange {
    const keyValues: KeyValue[] = []
    let count = 0
    for (const keyValue of this.scan(prefix, atRevision)) {
      count++
      if (count <= limit) keyValues.push(keyValue)
    }
    return { keyValues, more: count > keyValues.length, count }
  }

  *scan(prefix: string, atRevision = this.#revision): Generator<KeyValue> {
    for (const key of this.#sorted.startingWith(prefix)) {
      const keyValue = this.get(key, atRevision)
      if (keyValue !== undefined) yield keyValue
    }
  }

  /** The changes of a revision after `compactRevision`. */
  changesAt(revision: number): RevisionChanges {
    const changes = this.#history[this.#historyStart + revision - this.#firstRevision()]
    if (changes === undefined || changes.revision !== revision) throw new Error(`no changes kept of ${revision}`)
    return changes
  }

  /** Takes over a key of a snapshot, without history. */
  restore(keyValue: KeyValue): void {
    if (this.#states.has(keyValue.key)) throw new Error('a snapshot holds a key twice')
    this.#push(keyValue.key, { modRevision: keyValue.modRevision, keyValue })
    this.#bytesLive += bytesOf(keyValue)
  }

  /** Puts a key at `revision`, which is the present one or the next. */
  put(revision: number, key: string, value: string, lease: LeaseId): void {
    const before = this.get(key)
    const keyValue: KeyValue = {
      key,
      value,
      createRevision: before?.createRevision ?? revision,
      modRevision: revision,
      version: (before?.version ?? 0) + 1,
      lease,
    }
    this.#record(revision, { kind: 'put', keyValue })
    this.#push(key, { modRevision: revision, keyValue })
    this.#bytesLive += bytesOf(keyValue) - bytesOf(before)
  }

  /** Deletes a key at `revision`, which is the present one or the next. Returns whether there was one. */
  delete(revision: number, key: string): boolean {
    const before = this.get(key)
    if (before === undefined) return false
    this.#record(revision, { kind: 'delete', key, modRevision: revision })
    this.#push(key, { modRevision: revision, keyValue: undefined })
    this.#bytesLive -= bytesOf(before)
    return true
  }

  /** Takes back every change after `revision`, the newest first. */
  rollback(revision: number): void {
    while (this.#revision > revision) {
      const changes = this.#history.pop()!
      for (const event of changes.events) this.#unpush(event)
      this.#revision--
    }
  }

  /**
   * Forgets what is needed only for revisions before `revision`.
   * Throws MetadataError 'compacted' or 'future-revision' if that is not after the last one and not later than now.
   */
  compact(revision: number): void {
    if (revision <= this.#compactRevision) throw new MetadataError('compacted', `${revision} is already compacted`)
    if (revision > this.#revision) throw futureRevision(revision, this.#revision)
    while (this.#compactRevision < revision) this.#forgetOldest()
  }

  /** Throws MetadataError 'compacted' or 'future-revision' when the state at `revision` cannot be read. */
  checkReadable(revision: number, newest: number): void {
    if (revision > newest) throw futureRevision(revision, newest)
    if (revision < this.#compactRevision) {
      throw new MetadataError('compacted', `revision ${revision} is gone; the oldest kept is ${this.#compactRevision}`)
    }
  }

  #firstRevision(): number {
    return this.#history[this.#historyStart]?.revision ?? this.#revision + 1
  }

  #record(revision: number, event: WatchEvent): void {
    if (revision === this.#revision + 1) {
      this.#history.push({ revision, events: [] })
      this.#revision = revision
    } else if (revision !== this.#revision) {
      throw new Error(`revision ${revision} does not follow ${this.#revision}`)
    }
    this.#history.at(-1)!.events.push(event)
    this.#bytesHistory += bytesOfEvent(event)
  }

  #push(key: string, state: KeyState): void {
    const states = this.#states.get(key)
    if (states !== undefined) {
      states.push(state)
      return
    }
    this.#states.set(key, [state])
    this.#sorted.add(key)
  }

  #unpush(event: WatchEvent): void {
    const key = keyOf(event)
    const states = this.#states.get(key)!
    const undone = states.pop()!
    this.#bytesLive += bytesOf(states.at(-1)?.keyValue) - bytesOf(undone.keyValue)
    this.#bytesHistory -= bytesOfEvent(event)
    if (states.length === 0) this.#drop(key)
  }

  /** Moves compactRevision on by one step: to the oldest revision kept, whose changes become the base. */
  #forgetOldest(): void {
    const changes = this.#history[this.#historyStart]
    // A new store is at revision 1, which has no changes.
    if (changes === undefined || changes.revision > this.#compactRevision + 1) {
      this.#compactRevision++
      return
    }
    this.#historyStart++
    this.#compactRevision = changes.revision
    for (const event of changes.events) this.#settle(event)
    // Cutting the array only when half of it is dead keeps the cost per revision constant.
    if (this.#historyStart * 2 > this.#history.length) {
      this.#history = this.#history.slice(this.#historyStart)
      this.#historyStart = 0
    }
  }

  /** Makes the state after `event` the oldest of its key. */
  #settle(event: WatchEvent): void {
    this.#bytesHistory -= bytesOfEvent(event)
    const key = keyOf(event)
    const states = this.#states.get(key)!
    const index = states.findIndex((state) => state.modRevision === this.#compactRevision)
    states.splice(0, states[index]!.keyValue === undefined ? index + 1 : index)
    if (states.length === 0) this.#drop(key)
  }

  #drop(key: string): void {
    this.#states.delete(key)
    this.#sorted.remove(key)
  }
}

function keyOf(event: WatchEvent): string {
  return event.kind === 'put' ? event.keyValue.key : event.key
}

function bytesOf(keyValue: KeyValue | undefined): number {
  if (keyValue === undefined) return 0
  return overheadBytes + Buffer.byteLength(keyValue.key) + Buffer.byteLength(keyValue.value)
}

function bytesOfEvent(event: WatchEvent): number {
  return event.kind === 'put' ? bytesOf(event.keyValue) : overheadBytes + Buffer.byteLength(event.key)
}

function futureRevision(revision: number, newest: number): MetadataError {
  return new MetadataError('future-revision', `revision ${revision} has not happened yet; the newest is ${newest}`)
}
