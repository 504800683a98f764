import type { Infer, ListOffsetsRequest } from '@polylog/wire'
import { apis } from '@polylog/wire'
import { BrokerError } from '../../errors/errors.ts'
import type { Partition } from '../../topic/partition.ts'
import { kafkaErrorCode } from '../error-codes.ts'
import { findEpochFault, findPartition } from '../find-partition.ts'
import { defineHandler } from '../handler.ts'
import { checkTopic } from '../permission.ts'
import type { RequestContext } from '../request-context.ts'
import { answerEach } from '../serve.ts'

type Request = Infer<typeof ListOffsetsRequest>
type Asked = Request['topics'][number]['partitions'][number]

interface Found {
  offset: number
  timestamp: number
  leaderEpoch: number
}

/** Timestamps that stand for something else, with the version that brought them. */
const latest = -1
const earliest = -2
const largestTimestamp = -3
const earliestLocal = -4
const latestTiered = -5
const earliestPendingUpload = -6
const specialSince = new Map([
  [latest, 1],
  [earliest, 1],
  [largestTimestamp, 7],
  [earliestLocal, 8],
  [latestTiered, 9],
  [earliestPendingUpload, 11],
])

const readCommitted = 1
const leaderEpochSince = 4
/** Before this version clients retry only on LEADER_NOT_AVAILABLE. */
const offsetNotAvailableSince = 5

const nothing: Found = { offset: -1, timestamp: -1, leaderEpoch: -1 }

/** Offsets by time, and the ends of partitions. */
export const listOffsets = defineHandler({
  api: apis[2],

  async handle(request: Request, context) {
    const isCommitted = request.isolationLevel === readCommitted
    const topics = request.topics.map(async ({ name, partitions }) => ({
      name,
      partitions: await answerEach(
        partitions,
        context,
        async (asked) => ({
          partitionIndex: asked.partitionIndex,
          errorCode: 0,
          ...asVersion(context.apiVersion, await findOffset(name, asked, isCommitted, context)),
        }),
        ({ partitionIndex }, { errorCode }) => ({
          partitionIndex,
          errorCode: codeFor(context.apiVersion, errorCode),
          ...nothing,
        }),
      ),
    }))
    return { topics: await Promise.all(topics) }
  },
})

function asVersion(version: number, found: Found): Found {
  return version < leaderEpochSince ? { ...found, leaderEpoch: -1 } : found
}

function codeFor(version: number, errorCode: number): number {
  const isTooNew = version < offsetNotAvailableSince && errorCode === kafkaErrorCode('offset-not-available')
  return isTooNew ? kafkaErrorCode('leader-not-available') : errorCode
}

async function findOffset(name: string, asked: Asked, isCommitted: boolean, context: RequestContext): Promise<Found> {
  checkTopic(context, 'describe', name)
  const partition = findPartition(context.services.topics, name, asked.partitionIndex)
  if (typeof partition === 'string') throw new BrokerError(partition)
  const fault = findEpochFault(partition, asked.currentLeaderEpoch)
  if (fault !== undefined) throw new BrokerError(fault)
  const { timestamp } = asked
  if (timestamp < 0 && context.apiVersion < (specialSince.get(timestamp) ?? Number.POSITIVE_INFINITY)) {
    throw new BrokerError('unsupported-version')
  }
  const end = isCommitted ? partition.lastStableOffset : partition.highWatermark
  switch (timestamp) {
    case latest:
      checkEnd(partition)
      return { offset: end, timestamp: -1, leaderEpoch: partition.leaderEpoch }
    case earliest:
    case earliestLocal:
      return at(partition, partition.logStartOffset)
    case latestTiered:
    case earliestPendingUpload:
      // There is no tiered storage, so nothing was uploaded and nothing is going to be.
      return nothing
    case largestTimestamp:
      checkMissing(partition)
      return visible(await partition.offsetOfMaxTimestamp(), end, partition)
    default:
      return visible(await partition.offsetForTimestamp(timestamp), end, partition)
  }
}

function at(partition: Partition, offset: number): Found {
  return { offset, timestamp: -1, leaderEpoch: partition.epochAt(offset) }
}

/**
 * What lies beyond the end that the client may see does not exist for it yet. While a new leader does not know how far
 * that end had been, it may have existed before, and "none" would be a step back.
 */
function visible(
  found: { offset: number; timestampMs: number; leaderEpoch: number } | undefined,
  end: number,
  partition: Partition,
): Found {
  if (found !== undefined && found.offset < end) {
    return { offset: found.offset, timestamp: found.timestampMs, leaderEpoch: found.leaderEpoch }
  }
  checkEnd(partition)
  return nothing
}

/** Whether anybody can say where the partition ends. @throws BrokerError */
function checkEnd(partition: Partition): void {
  checkMissing(partition)
  if (!partition.isSettled) throw new BrokerError('offset-not-available')
}

function checkMissing({ missingRecords }: Partition): void {
  if (missingRecords !== undefined) throw new BrokerError('storage', missingRecords)
}
