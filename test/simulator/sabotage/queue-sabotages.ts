import { QueuePartition } from '../../../packages/broker/src/queue/queue-partition.ts'
import type { StoredRange } from '../../../packages/broker/src/queue/queue-store.ts'
import { StateLog } from '../../../packages/broker/src/queue/state-log.ts'
import type { QueueGroupPlan } from '../world/plan.ts'
import { patchGetter, patchMethod } from './patch.ts'
import type { Sabotage } from './sabotage.ts'

/** Enough members to get in each other's way, and nothing that settles messages by itself. */
const group: QueueGroupPlan = {
  members: 3,
  lockDurationMs: 1000,
  deliveryCountMax: 50,
  lockCountMax: 200,
  retryBackoffMs: 0,
  hasDeadLetters: false,
  messageTtlMs: -1,
  tag: '',
}

/** Nobody waits for what is written: what is said of messages is answered at once. */
const earlyAnswer: Sabotage = {
  name: 'what becomes of a message is answered before it is written',
  source: 'requirement: an acknowledgement is answered when it is durable',
  seedCountMax: 36,
  plan: { faults: ['blackout', 'slow-disk'], queueGroups: [group] },
  begin: () =>
    patchMethod(
      QueuePartition.prototype,
      'acknowledge',
      (acknowledge) =>
        function (this: QueuePartition, memberId, acknowledgements, nowMs, done) {
          const refusal = acknowledge.call(this, memberId, acknowledgements, nowMs, () => undefined)
          if (refusal === undefined) done(undefined)
          return refusal
        },
    ),
}

/** Looked for by `sabotage/main.ts` only: that nothing comes is known after 90 virtual seconds. */
const endlessLock: Sabotage = {
  name: 'locks of messages never end',
  source: 'requirement: a lock that runs out gives the message to others',
  plan: { faults: ['client-death'], queueGroups: [group] },
  begin: () => patchGetter(QueuePartition.prototype, 'wakeMs', () => () => Number.POSITIVE_INFINITY),
}

/** A new leader is told of some of the stored ranges only. */
function forgetStored(keeps: (range: StoredRange) => boolean): () => void {
  return patchMethod(
    StateLog.prototype,
    'read',
    (read) =>
      async function (this: StateLog, id, leaderEpoch) {
        const stored = await read.call(this, id, leaderEpoch)
        return stored && { ...stored, ranges: stored.ranges.filter(keeps) }
      },
  )
}

/** What came back is as if it had never been delivered. */
const lostCounts: Sabotage = {
  name: 'a new leader of a queue counts deliveries anew',
  source: 'requirement: delivery counts are true',
  seedCountMax: 12,
  plan: { faults: ['kill', 'stop'], queueGroups: [group] },
  begin: () => forgetStored(({ state }) => state !== 'ready'),
}

/** A new leader knows where a queue begins, but nothing of what lies behind. */
const lostOrder: Sabotage = {
  name: 'a new leader of a queue forgets what was settled out of order',
  source: 'requirement: what was acknowledged is not delivered again',
  seedCountMax: 5,
  plan: { faults: ['kill', 'stop'], queueGroups: [group] },
  begin: () => forgetStored(() => false),
}

export const queueSabotages: readonly Sabotage[] = [earlyAnswer, endlessLock, lostCounts, lostOrder]
