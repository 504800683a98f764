import type { FinalRead } from '../checkers/history.ts'
import type { KnownTopic } from './catalogue.ts'
import { logOf } from './catalogue.ts'
import { recordPoll } from './poll.ts'
import { Session } from './session.ts'
import type { ClientParts } from './session.ts'
import { fetchOnce, readWhole } from './whole-log.ts'

/** Errors after which a log is given up, 100 ms apart: more than any recovery takes. */
export const failureCountMax = 300
/** Of a log whose files were damaged on purpose: it may refuse for ever, and several such logs must not use up the time for all. */
const rottenFailureCountMax = 30

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
    const { recorder } = this.#parts
    const read: FinalRead = { log: logOf(topic.id, partition), start: 0, end: 0, records: [], complete: false }
    const isRotten = recorder.history.logs.get(read.log)?.rotten === true
    const patience = isRotten ? rottenFailureCountMax : failureCountMax
    const readOn = (from: number): Promise<number | undefined> => this.#read(topic, partition, from, read)
    Object.assign(read, await readWhole(this.#session, topic, partition, patience, readOn))
    recorder.history.finalReads.push(read)
  }

  async #read(
    topic: KnownTopic,
    partition: number,
    from: number,
    { log, records }: FinalRead,
  ): Promise<number | undefined> {
    const { recorder, name } = this.#parts
    const begin = recorder.tick()
    const found = await fetchOnce(this.#session, topic, partition, from)
    if (found === undefined) return undefined
    const next = recordPoll(recorder, found, { begin, from, log, consumer: name })
    records.push(...recorder.history.polls.at(-1)!.records)
    return next
  }
}
