import { apis } from '@polylog/wire'
import type { FinalRead, SeenRecord } from '../checkers/history.ts'
import type { KnownTopic } from './catalogue.ts'
import { logOf } from './catalogue.ts'
import { askOffset, earliest, latest } from './offsets.ts'
import { recordPoll } from './poll.ts'
import { Session } from './session.ts'
import type { ClientParts } from './session.ts'
import { NoAnswer } from './wire-connection.ts'

/** Errors after which a log is given up, 100 ms apart: more than any recovery takes. */
const failureCountMax = 300

/** Reads every log from its start to its end, when nothing else happens any more. */
export class Auditor {
  readonly #session: Session
  readonly #parts: ClientParts

  constructor(parts: ClientParts) {
    this.#session = new Session(parts)
    this.#parts = parts
  }

  async run(): Promise<void> {
    for (const topic of this.#parts.catalogue.topics) {
      for (let partition = 0; partition < topic.partitionCount; partition += 1) await this.#audit(topic, partition)
    }
    await this.#session.close()
  }

  async #audit(topic: KnownTopic, partition: number): Promise<void> {
    const read: FinalRead = { log: logOf(topic.id, partition), start: 0, end: 0, records: [], complete: false }
    let position = -1
    for (let failureCount = 0; failureCount < failureCountMax && !read.complete; ) {
      try {
        if (position === -1) {
          read.start = (await askOffset(this.#session, topic, partition, earliest)) ?? -1
          read.end = (await askOffset(this.#session, topic, partition, latest)) ?? -1
          if (read.start >= 0 && read.end >= 0) position = read.start
        }
        const next = position === -1 ? undefined : await this.#read(topic, partition, position, read.records)
        if (next === undefined || (next === position && next < read.end)) {
          failureCount += 1
          if (read.records.length === 0) position = -1
          await this.#session.sleep(100)
        } else position = next
        read.complete = position >= 0 && position >= read.end
      } catch (error) {
        if (!(error instanceof NoAnswer)) throw error
        failureCount += 1
        await this.#session.sleep(100)
      }
    }
    this.#parts.recorder.history.finalReads.push(read)
  }

  async #read(topic: KnownTopic, partition: number, from: number, into: SeenRecord[]): Promise<number | undefined> {
    const { recorder, name } = this.#parts
    const connection = await this.#session.leader(topic.id, partition)
    const partitions = [{ partition, fetchOffset: from, partitionMaxBytes: 256 * 1024 }]
    const topics = [{ topicId: topic.id, partitions }]
    const request = {
      maxWaitMs: 0,
      minBytes: 0,
      isolationLevel: 0,
      sessionId: 0,
      topics,
      forgottenTopicsData: [],
      rackId: '',
    }
    const begin = recorder.tick()
    const answer = await connection.exchange(apis[1], 13, request, 5000)
    const found = answer.responses[0]?.partitions[0]
    if (found === undefined || found.errorCode !== 0) return undefined
    const asked = { begin, from, log: logOf(topic.id, partition), consumer: name }
    const next = recordPoll(recorder, found, asked)
    into.push(...recorder.history.polls.at(-1)!.records)
    return next
  }
}
