import type { ByteReader } from '../load/bytes.ts'
import { api } from '../load/frame.ts'
import type { Address } from '../load/job.ts'
import { call } from './call.ts'

/** What one broker knows of a topic. */
export interface TopicMetadata {
  readonly brokers: readonly Address[]
  /** Per partition, which of `brokers` leads it; -1: none. */
  readonly leaders: readonly number[]
  /** Replicas, over all partitions, that are not in sync. */
  readonly replicasOutOfSync: number
}

/** Asks a broker for its cluster and one topic. A broker alone keeps the address it was asked at, whatever it says itself. */
export async function topicMetadata(address: Address, topic: string): Promise<TopicMetadata> {
  const reader = await call(address, api.metadata, (writer) => writer.int32(1).string(topic).int8(0))
  reader.int32()
  const brokers = reader.array(brokerOf)
  reader.string()
  reader.int32()
  const topics = reader.array(() => ({
    errorCode: reader.int16(),
    name: reader.string(),
    internal: reader.int8(),
    partitions: reader.array(partitionOf),
  }))
  const partitions = (topics[0]?.partitions ?? []).toSorted((a, b) => a.index - b.index)
  return {
    brokers: brokers.length === 1 ? [address] : brokers.map(({ host, port }) => ({ host, port })),
    leaders: partitions.map(({ errorCode, leader }) =>
      errorCode === 0 ? brokers.findIndex(({ id }) => id === leader) : -1,
    ),
    replicasOutOfSync: partitions.reduce((sum, { replicas, inSync }) => sum + replicas - inSync, 0),
  }
}

/** How many brokers one of them knows. */
export async function brokerCount(address: Address): Promise<number> {
  const reader = await call(address, api.metadata, (writer) => writer.int32(0).int8(0))
  reader.int32()
  return reader.array(brokerOf).length
}

/** Metadata version 4, as what follows. */
function brokerOf(reader: ByteReader): { id: number; host: string; port: number } {
  const broker = { id: reader.int32(), host: reader.string() ?? '', port: reader.int32() }
  reader.string()
  return broker
}

function partitionOf(reader: ByteReader): {
  errorCode: number
  index: number
  leader: number
  replicas: number
  inSync: number
} {
  return {
    errorCode: reader.int16(),
    index: reader.int32(),
    leader: reader.int32(),
    replicas: reader.array(() => reader.int32()).length,
    inSync: reader.array(() => reader.int32()).length,
  }
}
