import { setTimeout as delay } from 'node:timers/promises'
import type { ByteWriter } from '../load/bytes.ts'
import { api } from '../load/frame.ts'
import type { Address } from '../load/job.ts'
import { leadersOf, UnsettledCluster } from '../load/leaders.ts'
import { call } from './call.ts'
import { topicMetadata } from './topic-metadata.ts'

const READY_TIMEOUT_MS = 120_000
const PARTITIONS_PER_CALL_MAX = 5000
const POLL_MS = 20

/** Resolves once the broker answered ApiVersions. */
export async function apiVersions(address: Address, timeoutMs?: number): Promise<void> {
  const reader = await call(address, api.apiVersions, () => undefined, timeoutMs)
  const errorCode = reader.int16()
  if (errorCode !== 0) throw new Error(`ApiVersions failed with error code ${errorCode}`)
}

/** UNKNOWN_TOPIC_OR_PARTITION, LEADER_NOT_AVAILABLE, NOT_LEADER_OR_FOLLOWER: what a new partition answers until it is ready. */
const NOT_READY = new Set([3, 5, 6])

/** A busy Kafka cluster forwards a request to its controller again when that is late, and then reports what the first has made. */
const TOPIC_ALREADY_EXISTS = 36

/** A partition answered with a Kafka error code. */
class PartitionError extends Error {
  readonly errorCode: number

  constructor(call: string, partition: string, errorCode: number) {
    super(`${call} of ${partition} failed with error code ${errorCode}`)
    this.errorCode = errorCode
  }
}

/** Creates a topic and waits until every partition has a leader that answers and all its replicas in sync. */
export async function createTopic(address: Address, topic: string, partitions: number, replicas = 1): Promise<void> {
  // Kafka's controller refuses to make more than 10,000 metadata records at once, so large topics grow in steps.
  const first = Math.min(partitions, PARTITIONS_PER_CALL_MAX)
  await topicCall(address, api.createTopics, topic, first, (writer) => writer.int16(replicas).int32(0).int32(0))
  for (let count = first; count < partitions; ) {
    count = Math.min(partitions, count + PARTITIONS_PER_CALL_MAX)
    await topicCall(address, api.createPartitions, topic, count, (writer) => writer.int32(-1))
  }
  await waitForTopic(address, topic, partitions)
}

/** One call about one topic and its partition count; `rest` writes what else the topic's entry holds. */
async function topicCall(
  address: Address,
  request: { key: number; version: number },
  topic: string,
  partitions: number,
  rest: (writer: ByteWriter) => void,
): Promise<void> {
  const reader = await call(
    address,
    request,
    (writer) => {
      rest(writer.int32(1).string(topic).int32(partitions))
      writer.int32(READY_TIMEOUT_MS).int8(0)
    },
    READY_TIMEOUT_MS,
  )
  reader.int32()
  const [answer] = reader.array(() => ({ name: reader.string(), errorCode: reader.int16(), message: reader.string() }))
  // Names are made up for each window: nobody else can have made this one.
  if (answer === undefined || (answer.errorCode !== 0 && answer.errorCode !== TOPIC_ALREADY_EXISTS)) {
    throw new Error(`cannot create topic ${topic}: error code ${answer?.errorCode}, ${answer?.message ?? 'no message'}`)
  }
}

/** Resolves once every partition has a leader that answers and all replicas in sync; rejects after two minutes. */
export async function waitForTopic(address: Address, topic: string, partitions: number): Promise<void> {
  const givenUpAtMs = performance.now() + READY_TIMEOUT_MS
  while (!(await isReady(address, topic, partitions))) {
    if (performance.now() > givenUpAtMs) throw new Error(`topic ${topic} did not become ready`)
    await delay(POLL_MS)
  }
}

async function isReady(address: Address, topic: string, partitions: number): Promise<boolean> {
  const { leaders, replicasOutOfSync } = await topicMetadata(address, topic)
  if (leaders.length < partitions || leaders.includes(-1) || replicasOutOfSync > 0) return false
  try {
    await listOffsets(address, topic, partitions, -1)
    return true
  } catch (error) {
    if (error instanceof UnsettledCluster) return false
    if (error instanceof PartitionError && NOT_READY.has(error.errorCode)) return false
    throw error
  }
}

export async function deleteTopic(address: Address, topic: string): Promise<void> {
  const reader = await call(address, api.deleteTopics, (writer) => writer.int32(1).string(topic).int32(60_000))
  reader.int32()
  const [answer] = reader.array(() => ({ name: reader.string(), errorCode: reader.int16() }))
  if (answer?.errorCode !== 0) throw new Error(`cannot delete topic ${topic}: error code ${answer?.errorCode}`)
}

export interface PartitionOffsets {
  readonly start: number
  readonly end: number
}

/** First and next offset of each partition, by index. */
export async function offsetsOf(address: Address, topic: string, partitions: number): Promise<PartitionOffsets[]> {
  const starts = await listOffsets(address, topic, partitions, -2)
  const ends = await listOffsets(address, topic, partitions, -1)
  return starts.map((start, partition) => ({ start, end: ends[partition]! }))
}

/** Asks every leader for its partitions. */
async function listOffsets(address: Address, topic: string, partitions: number, timestamp: number): Promise<number[]> {
  const offsets = new Array<number>(partitions).fill(0)
  for (const leader of leadersOf(await topicMetadata(address, topic), [...offsets.keys()])) {
    const reader = await call(leader.address, api.listOffsets, (writer) => {
      writer.int32(-1).int32(1).string(topic).int32(leader.partitions.length)
      for (const partition of leader.partitions) writer.int32(partition).int64(timestamp)
    })
    reader.array(() => {
      reader.string()
      reader.array(() => {
        const partition = reader.int32()
        const errorCode = reader.int16()
        reader.int64()
        if (errorCode !== 0) throw new PartitionError('ListOffsets', `${topic}-${partition}`, errorCode)
        offsets[partition] = reader.int64()
      })
    })
  }
  return offsets
}
