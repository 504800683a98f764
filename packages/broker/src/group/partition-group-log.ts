import { assert } from '../errors/errors.ts'
import { baseTimestampOf, batchBytesOf, lastOffsetOf, recordCountOf } from '../record/batch.ts'
import { forEachRecord, openRecords } from '../record/records.ts'
import type { Partition } from '../topic/partition.ts'
import type { Topics } from '../topic/topics.ts'
import type { GroupLog, GroupRecord } from './group-log.ts'

const readBytes = 1 << 20

/** The group log as partitions of an internal topic. */
export class PartitionGroupLog implements GroupLog {
  readonly partitionCount: number
  readonly #topics: Topics
  readonly #topicName: string

  /** @param topicName of a topic that exists */
  constructor(topics: Topics, topicName: string) {
    const topic = topics.find(topicName)
    assert(topic !== undefined, `there is no topic ${topicName}`)
    this.partitionCount = topic.partitions.length
    this.#topics = topics
    this.#topicName = topicName
  }

  leads(partition: number): boolean {
    return this.#topics.partition(this.#topicName, partition) !== undefined
  }

  async replay(
    partition: number,
    visit: (key: Uint8Array, value: Uint8Array | null, timestampMs: number) => void,
  ): Promise<void> {
    const source = this.#partition(partition)
    for (let offset = source.logStartOffset; offset < source.highWatermark; ) {
      const read = await source.read({ offset, bytesMax: readBytes, atLeastOne: true, isolation: 'read-uncommitted' })
      try {
        if (read.bytes === 0) return
        for (const chunk of read.chunks) {
          for (let at = 0; at < chunk.length; at += batchBytesOf(chunk, at)) {
            visitBatch(chunk, at, visit)
            offset = lastOffsetOf(chunk, at) + 1
          }
        }
      } finally {
        read.release()
      }
    }
  }

  async append(partition: number, records: readonly GroupRecord[]): Promise<void> {
    await this.#partition(partition).appendRecords(records)
  }

  #partition(index: number): Partition {
    const partition = this.#topics.partition(this.#topicName, index)
    assert(partition !== undefined, `partition ${index} of ${this.#topicName} is not led here`)
    return partition
  }
}

function visitBatch(
  bytes: Uint8Array,
  at: number,
  visit: (key: Uint8Array, value: Uint8Array | null, timestampMs: number) => void,
): void {
  const baseTimestampMs = baseTimestampOf(bytes, at)
  forEachRecord(openRecords(bytes, at), recordCountOf(bytes, at), ({ key, value, timestampDelta }) => {
    if (key !== null) visit(key, value, baseTimestampMs + timestampDelta)
    return true
  })
}
