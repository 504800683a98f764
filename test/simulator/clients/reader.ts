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
}

/** What a broker keeps of this reader (KIP-227). */
interface FetchSession {
  id: number
  epoch: number
  /**
   * Offset by log, as the broker was told it: from there it goes on answering, in this session, whatever the reader has read
   * meanwhile in another one.
   */
  readonly told: Map<string, number>
}

/** Reads all logs of the catalogue by offset, forward, and now and then from an earlier place again. */
export class Reader {
  readonly #session: Session
  readonly #parts: ClientParts
  readonly #options: ReaderOptions
  readonly #positions = new Map<string, Position>()
  /** Fetch sessions by broker id. */
  readonly #fetchSessions = new Map<number, FetchSession>()

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
        this.#positions.set(log, { topic, partition, log, offset: 0 })
      }
    }
    for (const position of this.#positions.values()) {
      if (position.offset === 0 || !random.chance(this.#options.rewindShare)) continue
      position.offset = random.below(position.offset)
    }
  }

  /** Asks the leader of some log for all that it leads. */
  async #poll(): Promise<void> {
    const { random, recorder } = this.#parts
    const all = [...this.#positions.values()]
    const some = all[random.below(all.length)]!
    const begin = recorder.tick()
    try {
      const connection = await this.#session.leader(some.topic.id, some.partition)
      const leader = this.#leaderOf(some)
      const led = all.filter((position) => this.#leaderOf(position) === leader)
      const fetchSession = this.#fetchSessions.get(leader) ?? { id: 0, epoch: 0, told: new Map<string, number>() }
      const { epoch, told } = fetchSession
      const asked = led.filter(({ log, offset }) => epoch === 0 || told.get(log) !== offset)
      for (const { log, offset } of asked) told.set(log, offset)
      const request = this.#request(asked, fetchSession)
      const answer = await connection.exchange(apis[1], 13, request, this.#options.maxWaitMs + 5000)
      this.#take(answer, { led, leader, fetchSession }, begin)
      await this.#reset()
    } catch (error) {
      if (!(error instanceof NoAnswer)) throw error
      this.#leadersChanged()
      await this.#session.sleep(random.between(20, 200))
    }
  }

  #leaderOf({ topic, partition }: Position): number {
    return this.#session.leaderId(topic.id, partition)
  }

  /** Who leads what is to be found out anew, and sessions begin anew with it: the simplest way to have the right logs in each. */
  #leadersChanged(): void {
    this.#session.forgetLeaders()
    this.#fetchSessions.clear()
  }

  #request(asked: readonly Position[], { id, epoch }: FetchSession) {
    const { maxWaitMs, minBytes, partitionBytesMax, sessions } = this.#options
    const topics = [...Map.groupBy(asked, ({ topic }) => topic.id)].map(([topicId, positions]) => ({
      topicId,
      partitions: positions.map(({ partition, offset }) => ({
        partition,
        fetchOffset: offset,
        partitionMaxBytes: partitionBytesMax,
      })),
    }))
    return {
      maxWaitMs,
      minBytes,
      maxBytes: 4 * partitionBytesMax,
      isolationLevel: 0,
      sessionId: id,
      sessionEpoch: sessions ? epoch : -1,
      topics,
      forgottenTopicsData: [],
      rackId: '',
    }
  }

  #take(
    answer: FetchResponse,
    { led, leader, fetchSession }: { led: readonly Position[]; leader: number; fetchSession: FetchSession },
    begin: number,
  ): void {
    if (answer.errorCode !== 0) {
      this.#fetchSessions.delete(leader)
      return
    }
    if (this.#options.sessions) {
      fetchSession.epoch = answer.sessionId === 0 ? 0 : fetchSession.epoch + 1
      fetchSession.id = answer.sessionId
      this.#fetchSessions.set(leader, fetchSession)
    }
    for (const { topicId, partitions } of answer.responses) {
      for (const partition of partitions) {
        const log = logOf(topicId, partition.partitionIndex)
        const position = this.#positions.get(log)
        if (position === undefined) throw new Error(`an answer for ${log}, which is not in the session`)
        // Asked for earlier in this session; since then another broker was said to lead it.
        if (!led.includes(position)) this.#leadersChanged()
        else {
          const from = fetchSession.told.get(log)!
          if (!this.#takePartition(position, partition, { begin, from })) fetchSession.told.delete(log)
        }
      }
    }
  }

  /** @returns whether the reader goes on from what it was given */
  #takePartition(
    position: Position,
    answer: FetchResponse['responses'][number]['partitions'][number],
    asked: { begin: number; from: number },
  ): boolean {
    const { recorder, name } = this.#parts
    const error = nameOfError(answer.errorCode)
    if (error === 'UNKNOWN_TOPIC_ID' || error === 'UNKNOWN_TOPIC_OR_PARTITION') {
      this.#forgetIfGone(position)
      return false
    }
    if (error === 'NOT_LEADER_OR_FOLLOWER') this.#leadersChanged()
    if (error !== 'NONE' && error !== 'OFFSET_OUT_OF_RANGE') return false
    const next = recordPoll(recorder, answer, { ...asked, log: position.log, consumer: name })
    position.offset = next ?? outOfRange
    return next !== undefined
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
    this.#fetchSessions.clear()
    if (this.#parts.catalogue.topics.includes(position.topic)) return
    this.#positions.delete(position.log)
  }
}
