import { BrokerError } from '../errors/errors.ts'
import type { ErrorCode } from '../errors/errors.ts'
import type { Clock } from '../host/clock.ts'
import type { Partition } from '../topic/partition.ts'
import type { OffsetReset } from './group-queue-config.ts'
import type { QueueId } from './queue-id.ts'
import type { QueueStore, StoredQueue } from './queue-store.ts'

const retryMs = 100
const attemptsMax = 50

/** The keeper of the state moves, or is being made. */
const passing: ReadonlySet<ErrorCode> = new Set([
  'not-coordinator',
  'coordinator-loading',
  'coordinator-not-available',
  'broker-unreachable',
  'leader-not-available',
  'not-enough-replicas',
])

/**
 * The progress of a group on a partition, as its leader goes on with it; a group without any begins where its
 * `share.auto.offset.reset` says, and that is stored before anything is delivered.
 * @throws BrokerError as `QueueStore`, after some time in which it was tried again
 */
export async function loadQueue(
  id: QueueId,
  partition: Partition,
  parts: { readonly store: QueueStore; readonly clock: Clock; readonly reset: () => OffsetReset },
): Promise<StoredQueue> {
  for (let attempt = 1; ; attempt++) {
    try {
      return await readOrBegin(id, partition, parts)
    } catch (error) {
      if (!(error instanceof BrokerError) || !passing.has(error.code)) throw error
      if (attempt === attemptsMax) throw new BrokerError('coordinator-loading', error.message, { cause: error })
    }
    await new Promise<void>((resolve) => parts.clock.startTimer(retryMs, resolve))
  }
}

async function readOrBegin(
  id: QueueId,
  partition: Partition,
  { store, clock, reset }: Parameters<typeof loadQueue>[2],
): Promise<StoredQueue> {
  const { leaderEpoch } = partition
  let stored = await store.read(id, leaderEpoch)
  if (stored === undefined) {
    await store.initialize(id, 0, -1)
    stored = await store.read(id, leaderEpoch)
    if (stored === undefined) throw new BrokerError('coordinator-not-available', 'the state was deleted at once')
  }
  if (stored.startOffset >= 0) return stored
  const startOffset = await findStart(partition, reset(), clock)
  const { stateEpoch } = stored
  await store.write(id, { stateEpoch, leaderEpoch, startOffset, settledCount: 0, ranges: [] })
  return { ...stored, startOffset }
}

async function findStart(partition: Partition, reset: OffsetReset, clock: Clock): Promise<number> {
  if (reset.kind === 'earliest') return partition.logStartOffset
  if (reset.kind === 'latest') return partition.highWatermark
  const found = await partition.offsetForTimestamp(clock.nowMs() - reset.durationMs)
  return found?.offset ?? partition.highWatermark
}
