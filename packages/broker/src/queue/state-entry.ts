import type { QueueId } from './queue-id.ts'
import type { QueueSummary, QueueWrite, StoredQueue, StoredRange } from './queue-store.ts'
import type { SnapshotRecord, UpdateRecord } from './state-records.ts'
import { cutBefore, overlay, withoutPristine } from './stored-ranges.ts'

/** Updates that one snapshot carries, as in Kafka (share.coordinator.snapshot.update.records.per.snapshot). */
const updatesPerSnapshot = 500
/** Only whether two are the same is ever asked. */
const epochMask = 0x7fffffff

/** What the log says of one queue. Immutable: each write makes the next one, which counts once it is committed. */
export interface StateEntry extends StoredQueue, QueueSummary {
  readonly id: QueueId
  readonly createdAtMs: number
  readonly snapshotEpoch: number
  /** Everything that differs from the snapshot. */
  readonly changed: readonly StoredRange[]
  readonly updateCount: number
  /** The last append failed, so that nobody knows what the log has: only a snapshot may follow. */
  readonly isDoubtful: boolean
}

/** The next state and the record that says so. */
export interface EntryStep {
  readonly entry: StateEntry
  readonly record:
    | { readonly kind: 'snapshot'; readonly value: SnapshotRecord }
    | { readonly kind: 'update'; readonly value: UpdateRecord }
}

export function entryOf(id: QueueId, snapshot: SnapshotRecord): StateEntry {
  return { ...snapshot, id, changed: [], updateCount: 0, isDoubtful: false }
}

/** A queue that begins anew, whatever was there before. */
export function begun(
  id: QueueId,
  before: StateEntry | undefined,
  state: { readonly stateEpoch: number; readonly startOffset: number; readonly nowMs: number },
): EntryStep {
  const { stateEpoch, startOffset, nowMs } = state
  const base = { id, leaderEpoch: -1, settledCount: 0, ranges: [], createdAtMs: nowMs, snapshotEpoch: -1 }
  const { snapshotEpoch } = before ?? base
  return snapshotOf({ ...base, ...unchanged, snapshotEpoch, stateEpoch, startOffset })
}

const unchanged = { changed: [], updateCount: 0, isDoubtful: false }

/** The same state under a newer leader. */
export function claimed(entry: StateEntry, leaderEpoch: number): EntryStep {
  return snapshotOf({ ...entry, leaderEpoch })
}

/** The state after a write; as the shorter one of a whole snapshot and all that has changed since the last. */
export function written(entry: StateEntry, change: QueueWrite): EntryStep {
  const startOffset = Math.max(entry.startOffset, change.startOffset)
  const next: StateEntry = {
    ...entry,
    leaderEpoch: change.leaderEpoch,
    startOffset,
    settledCount: change.settledCount,
    ranges: withoutPristine(cutBefore(overlay(entry.ranges, change.ranges), startOffset)),
    changed: cutBefore(overlay(entry.changed, change.ranges), startOffset),
    updateCount: entry.updateCount + 1,
  }
  const { ranges, changed, updateCount, isDoubtful } = next
  if (isDoubtful || changed.length >= ranges.length || updateCount > updatesPerSnapshot) return snapshotOf(next)
  const { snapshotEpoch, leaderEpoch, settledCount } = next
  return {
    entry: next,
    record: { kind: 'update', value: { snapshotEpoch, leaderEpoch, startOffset, settledCount, ranges: changed } },
  }
}

/** The state with an update read from the log; one of another snapshot is about a state that is none any more. */
export function updated(entry: StateEntry, update: UpdateRecord): StateEntry {
  if (update.snapshotEpoch !== entry.snapshotEpoch) return entry
  const startOffset = Math.max(entry.startOffset, update.startOffset)
  return {
    ...entry,
    leaderEpoch: update.leaderEpoch,
    startOffset,
    settledCount: update.settledCount,
    ranges: withoutPristine(cutBefore(overlay(entry.ranges, update.ranges), startOffset)),
    changed: cutBefore(overlay(entry.changed, update.ranges), startOffset),
    updateCount: entry.updateCount + 1,
  }
}

function snapshotOf(state: StateEntry): EntryStep {
  const snapshotEpoch = (state.snapshotEpoch + 1) & epochMask
  const entry = { ...state, ...unchanged, snapshotEpoch }
  const { stateEpoch, leaderEpoch, startOffset, settledCount, createdAtMs, ranges } = entry
  const value = { snapshotEpoch, stateEpoch, leaderEpoch, startOffset, settledCount, createdAtMs, ranges }
  return { entry, record: { kind: 'snapshot', value } }
}
