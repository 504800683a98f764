import { BrokerError } from '../errors/errors.ts'
import { baseTimestampOf, batchBytesOf, lastOffsetOf, recordCountOf } from '../record/batch.ts'
import { forEachRecord, openRecords } from '../record/records.ts'
import type { Partition } from '../topic/partition.ts'
import type { Topics } from '../topic/topics.ts'
import type { GroupLog, GroupRecord } from './group-log.ts'

const readBytes = 1 << 20

/** The group log as partitions of an internal topic. */
export class PartitionGroupLog implements GroupLog {
  readonly #topics: Topics
  readonly #topicName: string
  readonly #partitionCountDefault: number

  /** @param partitionCountDefault partitions that the topic will have when it is made */
  constructor(topics: Topics, topicName: string, partitionCountDefault: number) {
    this.#topics = topics
    this.#topicName = topicName
    this.#partitionCountDefault = partitionCountDefault
  }

  get partitionCount(): number {
    return this.#topics.find(this.#topicName)?.partitions.length ?? this.#partitionCountDefault
  }

  leads(partition: number): boolean {
    return this.#topics.partition(this.#topicName, partition) !== undefined
  }

  async replay(
    partition: number,
    visit: (key: Uint8Array, value: Uint8Array | null, timestampMs: number) => void,
  ): Promise<void> {
    const source = this.#partition(partition)
    await this.#settled(source)
    // Without them groups would go back to offsets that they have long passed.
    if (source.missingRecords !== undefined) throw new BrokerError('storage', source.missingRecords)
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

  /** A new leader may have more that is committed than it knows to be: all of that must be read, or groups would go back. */
  #settled(source: Partition): Promise<void> {
    if (source.isSettled) return Promise.resolve()
    return new Promise((resolve, reject) => {
      const forget = source.onAdvance(() => {
        const isLed = this.#topics.partition(this.#topicName, source.index) === source
        if (isLed && !source.isSettled) return
        forget()
        if (isLed) resolve()
        else reject(new BrokerError('not-leader'))
      })
    })
  }

  #partition(index: number): Partition {
    const partition = this.#topics.partition(this.#topicName, index)
    if (partition === undefined) throw new BrokerError('not-leader')
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
