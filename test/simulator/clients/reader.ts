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
  /** Fetch sessions by broker id. */
  readonly #fetchSessions = new Map<number, { id: number; epoch: number }>()

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
      const fetchSession = this.#fetchSessions.get(leader) ?? { id: 0, epoch: 0 }
      const asked = led.filter(({ changed }) => fetchSession.epoch === 0 || changed)
      // In a session the broker answers for partitions that were asked for earlier as well.
      const positions = new Map(led.map(({ log, offset }) => [log, offset]))
      const request = this.#request(asked, fetchSession)
      const answer = await connection.exchange(apis[1], 13, request, this.#options.maxWaitMs + 5000)
      this.#take(answer, positions, begin, leader)
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

  #request(asked: readonly Position[], { id, epoch }: { id: number; epoch: number }) {
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

  #take(answer: FetchResponse, positions: ReadonlyMap<string, number>, begin: number, leader: number): void {
    if (answer.errorCode !== 0) {
      this.#fetchSessions.delete(leader)
      return
    }
    if (this.#options.sessions) {
      const epoch = this.#fetchSessions.get(leader)?.epoch ?? 0
      this.#fetchSessions.set(leader, { id: answer.sessionId, epoch: answer.sessionId === 0 ? 0 : epoch + 1 })
    }
    for (const { topicId, partitions } of answer.responses) {
      for (const partition of partitions) {
        const log = logOf(topicId, partition.partitionIndex)
        const position = this.#positions.get(log)
        const from = positions.get(log)
        if (position === undefined) throw new Error(`an answer for ${log}, which is not in the session`)
        // Asked for earlier in this session; since then another broker was said to lead it.
        if (from === undefined) this.#leadersChanged()
        else this.#takePartition(position, partition, { begin, from })
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
    if (error === 'NOT_LEADER_OR_FOLLOWER') this.#leadersChanged()
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
    this.#fetchSessions.clear()
    if (this.#parts.catalogue.topics.includes(position.topic)) return
    this.#positions.delete(position.log)
  }
}
