/** Single requests to a broker of the test's choice, without what a client does to make up for errors. */
import { apis, errorOf } from '@polylog/wire'
import { decodeRecords, encodeBatch } from '@polylog/client/admin'
import type { Cluster, ReceivedRecord } from '@polylog/client/admin'

export interface Place {
  readonly topic: string
  readonly partition?: number
}

export interface ProduceOptions {
  readonly acks?: -1 | 0 | 1
  /** After this the broker says REQUEST_TIMED_OUT. */
  readonly timeoutMs?: number
  /** Requests in one lane share a connection. */
  readonly lane?: string
}

export interface Answer {
  /** Kafka's name of the error; empty for success. */
  readonly error: string
  /** Broker id of the leader that the answer names, -1 if it names none. */
  readonly leader: number
}

const defaultTimeoutMs = 10_000

/** Sends one batch to this broker, whether it leads or not. */
export async function produceTo(
  client: Cluster,
  broker: number,
  { topic, partition = 0 }: Place,
  values: readonly string[],
  { acks = -1, timeoutMs = defaultTimeoutMs, lane = 'main' }: ProduceOptions = {},
): Promise<Answer & { baseOffset: number }> {
  const records = encodeBatch(
    values.map((value) => ({ value })),
    'none',
    Date.now(),
  )
  const request = { acks, timeoutMs, topicData: [{ name: topic, partitionData: [{ index: partition, records }] }] }
  const { responses } = await client.broker(broker, apis[0], request, { lane, extraTimeoutMs: timeoutMs })
  const { errorCode, baseOffset, currentLeader } = responses[0]!.partitionResponses[0]!
  return { error: nameOf(errorCode), leader: currentLeader.leaderId, baseOffset }
}

export interface Fetched extends Answer {
  readonly highWatermark: number
  readonly records: readonly ReceivedRecord[]
  readonly values: readonly string[]
}

/** Fetches from this broker as a consumer does, whether it leads or not. */
export async function fetchFrom(
  client: Cluster,
  broker: number,
  { topic, partition = 0 }: Place,
  { offset = 0, waitMs = 50, rackId = '' } = {},
): Promise<Fetched> {
  const request = {
    maxWaitMs: waitMs,
    minBytes: 1,
    maxBytes: 1 << 24,
    rackId,
    topics: [{ topic, partitions: [{ partition, fetchOffset: offset, partitionMaxBytes: 1 << 24 }] }],
  }
  const answer = await client.broker(broker, apis[1], request, { lane: 'fetch' })
  const found = answer.responses[0]!.partitions[0]!
  const bytes = found.records ?? Buffer.alloc(0)
  const { records } = decodeRecords(bytes, { topic, partition }, offset)
  return {
    error: nameOf(found.errorCode),
    leader: found.currentLeader.leaderId,
    highWatermark: found.highWatermark,
    records,
    values: valuesOf(records),
  }
}

export function valuesOf(records: readonly ReceivedRecord[]): string[] {
  return records.map(({ value }) => Buffer.from(value!).toString())
}

function nameOf(code: number): string {
  return code === 0 ? '' : (errorOf(code)?.name ?? String(code))
}
