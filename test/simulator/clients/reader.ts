import { apis } from '@polylog/wire'
import type { FetchResponse } from '@polylog/wire'
import type { KnownTopic } from './catalogue.ts'
import { logOf } from './catalogue.ts'
import { askOffset, earliest } from './offsets.ts'
import { recordPoll } from './poll.ts'
import { nameOfError, Session } from './session.ts'
import type { ClientParts } from './session.ts'
import { NoAnswer } from './wire-connection.ts'

export interface ReaderOptions {
  /** Fetch sessions (KIP-227) on or off. */
  sessions: boolean
  maxWaitMs: number
  minBytes: number
  partitionBytesMax: number
  pauseMs: number
  /** How often it goes back to an earlier offset. */
  rewindShare: number
}

const outOfRange = -1

interface Position {
  topic: KnownTopic
  partition: number
  log: string
  offset: number
  /** Must be told to the broker in the next request of the session. */
  changed: boolean
}

/** Reads all logs of the catalogue by offset, forward, and now and then from an earlier place again. */
export class Reader {
  readonly #session: Session
  readonly #parts: ClientParts
  readonly #options: ReaderOptions
  readonly #positions = new Map<string, Position>()
  #sessionId = 0
  #sessionEpoch = 0

  constructor(parts: ClientParts, options: ReaderOptions) {
    this.#session = new Session(parts)
    this.#parts = parts
    this.#options = options
  }

  async run(): Promise<void> {
    const { random, isEnding } = this.#parts
    while (!isEnding()) {
      this.#discover()
      if (this.#positions.size > 0) await this.#poll()
      await this.#session.sleep(random.between(0, 2 * this.#options.pauseMs))
    }
    await this.#session.close()
  }

  #discover(): void {
    const { catalogue, random } = this.#parts
    for (const topic of catalogue.topics) {
      for (let partition = 0; partition < topic.partitionCount; partition += 1) {
        const log = logOf(topic.id, partition)
        if (this.#positions.has(log)) continue
        this.#positions.set(log, { topic, partition, log, offset: 0, changed: true })
      }
    }
    for (const position of this.#positions.values()) {
      if (position.offset === 0 || !random.chance(this.#options.rewindShare)) continue
      position.offset = random.below(position.offset)
      position.changed = true
    }
  }

  async #poll(): Promise<void> {
    const isFull = this.#sessionEpoch === 0
    const asked = [...this.#positions.values()].filter(({ changed }) => isFull || changed)
    // In a session the broker answers for partitions that were asked for earlier as well.
    const positions = new Map([...this.#positions].map(([log, { offset }]) => [log, offset]))
    const begin = this.#parts.recorder.tick()
    try {
      const first = [...this.#positions.values()][0]!
      const connection = await this.#session.leader(first.topic.id, first.partition)
      const answer = await connection.exchange(apis[1], 13, this.#request(asked), this.#options.maxWaitMs + 5000)
      this.#take(answer, positions, begin)
      await this.#reset()
    } catch (error) {
      if (!(error instanceof NoAnswer)) throw error
      this.#sessionEpoch = 0
      this.#sessionId = 0
      await this.#session.sleep(this.#parts.random.between(20, 200))
    }
  }

  #request(asked: readonly Position[]) {
    const { maxWaitMs, minBytes, partitionBytesMax, sessions } = this.#options
    for (const position of asked) position.changed = false
    const topics = [...Map.groupBy(asked, ({ topic }) => topic.id)].map(([topicId, positions]) => ({
      topicId,
      partitions: positions.map(({ partition, offset }) => ({
        partition,
        fetchOffset: offset,
        partitionMaxBytes: partitionBytesMax,
      })),
    }))
    const session = { sessionId: this.#sessionId, sessionEpoch: sessions ? this.#sessionEpoch : -1 }
    return {
      maxWaitMs,
      minBytes,
      maxBytes: 4 * partitionBytesMax,
      isolationLevel: 0,
      ...session,
      topics,
      forgottenTopicsData: [],
      rackId: '',
    }
  }

  #take(answer: FetchResponse, positions: ReadonlyMap<string, number>, begin: number): void {
    if (answer.errorCode !== 0) {
      this.#sessionEpoch = 0
      this.#sessionId = 0
      return
    }
    if (this.#options.sessions) {
      this.#sessionId = answer.sessionId
      this.#sessionEpoch = answer.sessionId === 0 ? 0 : this.#sessionEpoch + 1
    }
    for (const { topicId, partitions } of answer.responses) {
      for (const partition of partitions) {
        const log = logOf(topicId, partition.partitionIndex)
        const position = this.#positions.get(log)
        if (position === undefined) throw new Error(`an answer for ${log}, which is not in the session`)
        this.#takePartition(position, partition, { begin, from: positions.get(log)! })
      }
    }
  }

  #takePartition(
    position: Position,
    answer: FetchResponse['responses'][number]['partitions'][number],
    asked: { begin: number; from: number },
  ): void {
    const { recorder, name } = this.#parts
    const error = nameOfError(answer.errorCode)
    if (error === 'UNKNOWN_TOPIC_ID' || error === 'UNKNOWN_TOPIC_OR_PARTITION') {
      this.#forgetIfGone(position)
      return
    }
    if (error === 'NOT_LEADER_OR_FOLLOWER') this.#session.forgetLeaders()
    position.changed = true
    if (error !== 'NONE' && error !== 'OFFSET_OUT_OF_RANGE') return
    const next = recordPoll(recorder, answer, { ...asked, log: position.log, consumer: name })
    position.changed = next !== asked.from
    position.offset = next ?? outOfRange
  }

  /** What was out of range starts anew at the beginning. */
  async #reset(): Promise<void> {
    for (const position of this.#positions.values()) {
      if (position.offset !== outOfRange) continue
      position.offset = 0
      position.offset = (await askOffset(this.#session, position.topic, position.partition, earliest)) ?? 0
    }
  }

  /** A topic that was deleted is dropped; with it goes the session, which is the simplest way to forget a part of it. */
  #forgetIfGone(position: Position): void {
    this.#sessionEpoch = 0
    this.#sessionId = 0
    if (this.#parts.catalogue.topics.includes(position.topic)) return
    this.#positions.delete(position.log)
  }
}
