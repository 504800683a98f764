import {
  decode,
  decodeVersioned,
  encodeOffsetsKey,
  encodeVersioned,
  Reader,
  ShareSnapshotKey,
  ShareSnapshotValue,
  ShareUpdateKey,
  ShareUpdateValue,
  WireError,
} from '@polylog/wire'
import type { QueueId } from './queue-id.ts'
import type { StoredRange } from './queue-store.ts'

/** The state of a queue as a snapshot has it. */
export interface SnapshotRecord {
  readonly snapshotEpoch: number
  readonly stateEpoch: number
  readonly leaderEpoch: number
  readonly startOffset: number
  readonly settledCount: number
  readonly createdAtMs: number
  readonly ranges: readonly StoredRange[]
}

/** Everything that has changed since the snapshot of the same epoch, so that compaction may keep the last one alone. */
export type UpdateRecord = Omit<SnapshotRecord, 'stateEpoch' | 'createdAtMs'>

export type StateRecord =
  | { readonly kind: 'snapshot'; readonly id: QueueId; readonly value: SnapshotRecord | null }
  | { readonly kind: 'update'; readonly id: QueueId; readonly value: UpdateRecord | null }
  /** Of a Kafka version to come. */
  | { readonly kind: 'other'; readonly type: number }

interface KeyValue {
  key: Uint8Array
  value: Uint8Array | null
}

const valueVersion = 0

const stateNumbers = { ready: 0, accepted: 2, archived: 4 } as const satisfies Record<StoredRange['state'], number>
const statesByNumber = new Map(
  Object.entries(stateNumbers).map(([state, number]) => [number as number, state as StoredRange['state']]),
)

/** The number that Kafka has for a state, as sent between brokers and stored. */
export function stateBatchOf({ firstOffset, lastOffset, state, deliveryCount }: StoredRange) {
  return { firstOffset, lastOffset, deliveryState: stateNumbers[state], deliveryCount }
}

/** @throws WireError on a state there is not, or offsets that go down */
export function rangesOf(
  batches: readonly { firstOffset: number; lastOffset: number; deliveryState: number; deliveryCount: number }[],
): StoredRange[] {
  let behind = -1
  return batches.map(({ firstOffset, lastOffset, deliveryState, deliveryCount }) => {
    const state = statesByNumber.get(deliveryState)
    if (state === undefined) throw new WireError(`there is no delivery state ${deliveryState}`)
    if (firstOffset <= behind || lastOffset < firstOffset) throw new WireError('state batches are not in rising order')
    behind = lastOffset
    return { firstOffset, lastOffset, state, deliveryCount }
  })
}

/** Kafka's ShareSnapshot record. */
export function snapshotRecord(id: QueueId, value: SnapshotRecord, nowMs: number): KeyValue {
  const { settledCount, createdAtMs, ranges, ...fields } = value
  return {
    key: encodeOffsetsKey(ShareSnapshotKey, keyOf(id)),
    value: encodeVersioned(ShareSnapshotValue, valueVersion, {
      ...fields,
      deliveryCompleteCount: settledCount,
      createTimestamp: createdAtMs,
      writeTimestamp: nowMs,
      stateBatches: ranges.map(stateBatchOf),
    }),
  }
}

/** Kafka's ShareUpdate record. */
export function updateRecord(id: QueueId, { settledCount, ranges, ...fields }: UpdateRecord): KeyValue {
  return {
    key: encodeOffsetsKey(ShareUpdateKey, keyOf(id)),
    value: encodeVersioned(ShareUpdateValue, valueVersion, {
      ...fields,
      deliveryCompleteCount: settledCount,
      stateBatches: ranges.map(stateBatchOf),
    }),
  }
}

/** What makes compaction forget a queue. */
export function tombstones(id: QueueId): KeyValue[] {
  return [ShareSnapshotKey, ShareUpdateKey].map((message) => ({
    key: encodeOffsetsKey(message, keyOf(id)),
    value: null,
  }))
}

/** Keeps no reference to the bytes. @throws WireError on a record that is malformed */
export function readStateRecord(key: Uint8Array, value: Uint8Array | null): StateRecord {
  const reader = new Reader(key)
  const type = reader.int16()
  if (type === ShareSnapshotKey.apiKey) {
    const id = idOf(decode(ShareSnapshotKey, 0, reader))
    return { kind: 'snapshot', id, value: value === null ? null : readSnapshot(value) }
  }
  if (type === ShareUpdateKey.apiKey) {
    const id = idOf(decode(ShareUpdateKey, 0, reader))
    return { kind: 'update', id, value: value === null ? null : readUpdate(value) }
  }
  return { kind: 'other', type }
}

function readSnapshot(bytes: Uint8Array): SnapshotRecord {
  const stored = decodeVersioned(ShareSnapshotValue, bytes)
  const { snapshotEpoch, stateEpoch, leaderEpoch, startOffset } = stored
  return {
    snapshotEpoch,
    stateEpoch,
    leaderEpoch,
    startOffset,
    settledCount: stored.deliveryCompleteCount,
    createdAtMs: stored.createTimestamp,
    ranges: rangesOf(stored.stateBatches),
  }
}

function readUpdate(bytes: Uint8Array): UpdateRecord {
  const stored = decodeVersioned(ShareUpdateValue, bytes)
  const { snapshotEpoch, leaderEpoch, startOffset } = stored
  const ranges = rangesOf(stored.stateBatches)
  return { snapshotEpoch, leaderEpoch, startOffset, settledCount: stored.deliveryCompleteCount, ranges }
}

function keyOf({ groupId, topicId, index }: QueueId) {
  return { groupId, topicId, partition: index }
}

function idOf({ groupId, topicId, partition }: { groupId: string; topicId: string; partition: number }): QueueId {
  return { groupId, topicId, index: partition }
}
