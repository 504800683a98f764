import { BrokerError } from '../errors/errors.ts'
import {
  baseOffsetOf,
  baseTimestampOf,
  batchBytesOf,
  hasLogAppendTime,
  isControl,
  lastOffsetOf,
  maxTimestampOf,
  recordCountOf,
} from '../record/batch.ts'
import { buildBatch } from '../record/build.ts'
import type { RecordInput } from '../record/build.ts'
import { headersOf } from '../record/headers.ts'
import { openRecords, RecordReader } from '../record/records.ts'
import type { Partition } from '../topic/partition.ts'
import type { Topic, Topics } from '../topic/topics.ts'
import type { DeadLetters, DeadSpan } from './dead-letters.ts'
import type { QueueId } from './queue-id.ts'

/** Read, and written, at a time. */
const batchBytesMax = 256 * 1024
const batchRecordsMax = 1000

export interface TopicDeadLettersParts {
  readonly topics: Pick<Topics, 'find' | 'ensure' | 'partition'>
  /** Whether the topic may be made by whoever needs it, as for producers [auto.create.topics.enable]. */
  readonly mayCreate: boolean
  readonly nowMs: () => number
  /** Appends a batch to a partition that another broker leads, there to be committed. */
  readonly appendElsewhere: (topic: Topic, index: number, batch: Uint8Array) => Promise<void>
}

type Header = NonNullable<RecordInput['headers']>[number]

/** Puts what groups give up into topics: copies of the records, with headers that say why and where from. */
export class TopicDeadLetters implements DeadLetters {
  readonly #parts: TopicDeadLettersParts

  constructor(parts: TopicDeadLettersParts) {
    this.#parts = parts
  }

  async write(topicName: string, from: Partition, id: QueueId, span: DeadSpan): Promise<number> {
    const { topics, mayCreate } = this.#parts
    const topic = topics.find(topicName) ?? (mayCreate ? await topics.ensure(topicName) : undefined)
    if (topic === undefined) throw new BrokerError('unknown-topic', `there is no topic ${topicName} for dead letters`)
    let count = 0
    for (let offset = span.first; offset <= span.last; ) {
      const { records, nextOffset } = await this.#read(from, id, { ...span, first: offset })
      if (records.length > 0) await this.#append(topic, id.index, records)
      count += records.length
      offset = nextOffset
    }
    return count
  }

  async #read(
    from: Partition,
    id: QueueId,
    span: DeadSpan,
  ): Promise<{ records: readonly RecordInput[]; nextOffset: number }> {
    const request = { offset: span.first, bytesMax: batchBytesMax, atLeastOne: true } as const
    const read = await readOrNothing(from, { ...request, isolation: 'read-uncommitted' })
    const records: RecordInput[] = []
    let nextOffset = span.first
    if (read === undefined) return { records, nextOffset: span.last + 1 }
    try {
      for (const chunk of read.chunks) {
        for (let at = 0; at < chunk.length && baseOffsetOf(chunk, at) <= span.last; at += batchBytesOf(chunk, at)) {
          if (records.length >= batchRecordsMax) return { records, nextOffset }
          if (!isControl(chunk, at)) collect(chunk, at, from, id, span, records)
          nextOffset = lastOffsetOf(chunk, at) + 1
        }
      }
    } finally {
      read.release()
    }
    // Behind the last batch there is nothing but a gap.
    return { records, nextOffset: nextOffset === span.first ? span.last + 1 : nextOffset }
  }

  /** @param hasOwnTimes whether the records still have the times of the messages, for which others can be tried */
  async #append(topic: Topic, hint: number, records: readonly RecordInput[], hasOwnTimes = true): Promise<void> {
    try {
      await this.#appendBatch(topic, hint, buildBatch(records, { baseTimestampMs: this.#parts.nowMs() }))
    } catch (error) {
      if (!(error instanceof BrokerError)) throw error
      if (error.code === 'invalid-timestamp' && hasOwnTimes) {
        const nowMs = this.#parts.nowMs()
        const timely = records.map((record) => withTime(record, nowMs))
        await this.#append(topic, hint, timely, false)
        return
      }
      if (error.code !== 'message-too-large') throw error
      if (records.length === 1) {
        await this.#appendBatch(
          topic,
          hint,
          buildBatch([withoutValue(records[0]!)], { baseTimestampMs: this.#parts.nowMs() }),
        )
        return
      }
      const middle = records.length >>> 1
      await this.#append(topic, hint, records.slice(0, middle), hasOwnTimes)
      await this.#append(topic, hint, records.slice(middle), hasOwnTimes)
    }
  }

  /** To a partition that is led here, if there is one. */
  async #appendBatch(topic: Topic, hint: number, batch: Uint8Array): Promise<void> {
    const { topics, appendElsewhere } = this.#parts
    const count = topic.partitions.length
    for (let step = 0; step < count; step++) {
      const partition = topics.partition(topic.name, (hint + step) % count)
      if (partition === undefined) continue
      const appended = partition.append(batch, true, -1)
      if ('code' in appended) throw new BrokerError(appended.code, appended.detail)
      return new Promise((resolve, reject) => {
        partition.whenCommitted(appended.endOffset, (fault) => {
          if (fault === undefined) resolve()
          else reject(new BrokerError(fault.code, fault.detail))
        })
      })
    }
    return appendElsewhere(topic, hint % count, batch)
  }
}

async function readOrNothing(from: Partition, request: Parameters<Partition['read']>[0]) {
  try {
    return await from.read(request)
  } catch (error) {
    // Retention was faster.
    if (error instanceof BrokerError && error.code === 'offset-out-of-range') return undefined
    throw error
  }
}

function collect(
  chunk: Uint8Array,
  at: number,
  from: Partition,
  id: QueueId,
  span: DeadSpan,
  records: RecordInput[],
): void {
  const base = baseOffsetOf(chunk, at)
  const appendTimeMs = hasLogAppendTime(chunk, at) ? maxTimestampOf(chunk, at) : undefined
  const opened = openRecords(chunk, at)
  const reader = new RecordReader(opened, recordCountOf(chunk, at))
  for (let record = reader.next(); record !== undefined; record = reader.next()) {
    const offset = base + record.offsetDelta
    if (offset < span.first || offset > span.last) continue
    const own = headersOf(opened, record).map(({ key, value }) => ({ key: Buffer.from(key), value: copyOf(value) }))
    records.push({
      key: copyOf(record.key),
      value: copyOf(record.value),
      headers: [...own, ...reasons(from, id, span, offset)],
      timestampMs: appendTimeMs ?? baseTimestampOf(chunk, at) + record.timestampDelta,
    })
  }
}

/** A topic that takes smaller messages gets the news without the contents, which the source still has. */
function withoutValue(record: RecordInput): RecordInput {
  return { ...record, value: null, headers: [...(record.headers ?? []), header('polylog.dead.value', 'too-large')] }
}

/** A topic that does not take so old or so early ones gets the time at which the message was given up, and the other as a header. */
function withTime(record: RecordInput, nowMs: number): RecordInput {
  const { headers = [], timestampMs } = record
  return { ...record, timestampMs: nowMs, headers: [...headers, header('polylog.dead.timestamp', String(timestampMs))] }
}

function reasons({ topicName }: Partition, { groupId, index }: QueueId, span: DeadSpan, offset: number): Header[] {
  return [
    header('polylog.dead.reason', span.reason),
    header('polylog.dead.topic', topicName),
    header('polylog.dead.partition', String(index)),
    header('polylog.dead.offset', String(offset)),
    header('polylog.dead.group', groupId),
    header('polylog.dead.deliveries', String(span.deliveryCount)),
  ]
}

function header(key: string, value: string): Header {
  return { key: Buffer.from(key), value: Buffer.from(value) }
}

function copyOf(bytes: Uint8Array | null): Uint8Array | null {
  return bytes === null ? null : new Uint8Array(bytes)
}
