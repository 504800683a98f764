import { apis } from '@polylog/wire'
import type { ShareFetchResponse } from '@polylog/wire'
import type { Outcome } from '../checkers/span.ts'
import type { Acknowledging, Delivered, Leadership, QueueFetch, Word } from '../checkers/queues/queue-history.ts'
import type { KnownTopic } from './catalogue.ts'
import { readRecords } from './record-values.ts'
import { nameOfError } from './session.ts'
import type { ClientParts } from './session.ts'
import type { WireConnection } from './wire-connection.ts'

/** A partition that a member was given. */
export interface QueueTarget {
  topic: KnownTopic
  partition: number
  log: string
}

/** What a member wants to say about one message. */
export interface Remark {
  target: QueueTarget
  offset: number
  word: Word
  /** Pause before the next delivery; -1 leaves it to the group. */
  retryDelayMs: number
}

export interface LentMessage extends Delivered {
  target: QueueTarget
}

export interface FetchTerms {
  recordsMax: number
  maxWaitMs: number
  /** Never more than `recordsMax`, or whole batches. */
  isStrict: boolean
}

/** Looks into the brokers: which process leads a log on that machine, in which epoch; undefined if none does. */
export type LeadershipOf = (machine: string, topicId: string, partition: number) => LedBy | undefined

export interface LedBy {
  tenure: string
  epoch: number
}

export interface ShareSessionParts {
  client: ClientParts
  group: string
  member: string
  machine: string
  connection: WireConnection
  leadershipOf: LeadershipOf
  /** Somebody else leads, or may. */
  misdirected: () => void
}

/** Thrown when the broker does not know the session, or not so far. */
export class SessionOver extends Error {}

const codes: Record<Word, number> = { gap: 0, accept: 1, release: 2, reject: 3, renew: 4 }
const finalEpoch = -1
const timeoutMs = 5000

/** Answers that say for sure that an acknowledgement changed nothing. */
const refusals = ['INVALID_RECORD_STATE', 'INVALID_REQUEST']

type PartitionAnswer = ShareFetchResponse['responses'][number]['partitions'][number]

/** What a member has with one broker while one connection lasts (KIP-932); writes down everything it asks and hears. */
export class ShareSession {
  readonly #parts: ShareSessionParts
  readonly #number: number
  readonly #known = new Map<string, QueueTarget>()
  #epoch = 0

  constructor(parts: ShareSessionParts) {
    this.#parts = parts
    this.#number = parts.client.recorder.tick()
  }

  /** It can carry acknowledgements from its second request on. */
  get isOpen(): boolean {
    return this.#epoch > 0
  }

  get isUsable(): boolean {
    return this.#parts.connection.isUsable
  }

  /** @throws NoAnswer, SessionOver */
  async fetch(targets: readonly QueueTarget[], terms: FetchTerms, remarks: readonly Remark[]): Promise<LentMessage[]> {
    const { group, member, connection, client } = this.#parts
    const { recorder, host } = client
    const added = targets.filter(({ log }) => !this.#known.has(log))
    const forgotten = [...this.#known.values()].filter(({ log }) => !targets.some((target) => target.log === log))
    const beginMs = host.clock.monotonicMs()
    const facts = { group, member, connection: this.#number, beginMs, endMs: Infinity }
    const logs = targets.map(({ log }) => log)
    const fetch: QueueFetch = { ...recorder.begin(), ...facts, logs, lent: [] }
    recorder.history.queues.fetches.push(fetch)
    const acknowledgings = this.#say(remarks)
    const before = targets.map((target) => this.#ledBy(target))
    const answer = await connection.exchange(
      apis[78],
      2,
      {
        groupId: group,
        memberId: member,
        shareSessionEpoch: this.#epoch,
        maxWaitMs: terms.maxWaitMs,
        minBytes: 1,
        maxBytes: 200_000,
        maxRecords: terms.recordsMax,
        batchSize: 0,
        shareAcquireMode: terms.isStrict ? 1 : 0,
        isRenewAck: false,
        topics: topicsOf(added, remarks),
        forgottenTopicsData: forgotten.map(({ topic, partition }) => ({ topicId: topic.id, partitions: [partition] })),
      },
      terms.maxWaitMs + timeoutMs,
    )
    fetch.endMs = host.clock.monotonicMs()
    recorder.end(fetch, answer.errorCode === 0 ? 'ok' : 'failed')
    if (answer.errorCode !== 0) throw this.#over(answer.errorCode, acknowledgings)
    this.#advance(added, forgotten)
    const found = partitionsOf(answer.responses)
    for (const each of acknowledgings) this.#heard(each, found.get(each.log)?.acknowledgeErrorCode)
    return targets.flatMap((target, index) => this.#take(fetch, target, found.get(target.log), before[index]))
  }

  /** @throws NoAnswer, SessionOver */
  acknowledge(remarks: readonly Remark[]): Promise<void> {
    return this.#acknowledge(remarks, this.#epoch)
  }

  /** Says the last and gives the rest back. @throws NoAnswer, SessionOver */
  async close(remarks: readonly Remark[]): Promise<void> {
    const { group, member, client } = this.#parts
    const departure = { ...client.recorder.begin(), group, member }
    client.recorder.history.queues.departures.push(departure)
    await this.#acknowledge(remarks, finalEpoch)
    client.recorder.end(departure, 'ok')
    this.#epoch = 0
    this.#known.clear()
  }

  async #acknowledge(remarks: readonly Remark[], shareSessionEpoch: number): Promise<void> {
    const { group, member, connection } = this.#parts
    const acknowledgings = this.#say(remarks)
    const isRenewAck = remarks.some(({ word }) => word === 'renew')
    const request = { groupId: group, memberId: member, shareSessionEpoch, isRenewAck, topics: topicsOf([], remarks) }
    const answer = await connection.exchange(apis[79], 2, request, timeoutMs)
    if (answer.errorCode !== 0) throw this.#over(answer.errorCode, acknowledgings)
    this.#advance([], [])
    const found = partitionsOf(answer.responses)
    for (const each of acknowledgings) this.#heard(each, found.get(each.log)?.errorCode)
  }

  #advance(added: readonly QueueTarget[], forgotten: readonly QueueTarget[]): void {
    this.#epoch += 1
    for (const target of added) this.#known.set(target.log, target)
    for (const { log } of forgotten) this.#known.delete(log)
  }

  #over(errorCode: number, acknowledgings: readonly Acknowledging[]): SessionOver {
    this.#epoch = 0
    this.#known.clear()
    for (const each of acknowledgings) this.#end(each, 'failed')
    return new SessionOver(nameOfError(errorCode))
  }

  #say(remarks: readonly Remark[]): Acknowledging[] {
    const { group, member, client } = this.#parts
    const { recorder, host } = client
    return [...Map.groupBy(remarks, ({ target }) => target.log)].map(([log, list]) => {
      const facts = { group, member, connection: this.#number, log }
      const times = { beginMs: host.clock.monotonicMs(), endMs: Infinity }
      const leadership = leadershipBetween(this.#ledBy(list[0]!.target), undefined)
      const words = list.map(({ offset, word }) => ({ offset, word }))
      const acknowledging = { ...recorder.begin(), isRefused: false, ...facts, ...times, leadership, words }
      recorder.history.queues.acknowledgings.push(acknowledging)
      return acknowledging
    })
  }

  #heard(acknowledging: Acknowledging, errorCode: number | undefined): void {
    if (errorCode === undefined) throw new Error(`nothing was said of an acknowledgement in ${acknowledging.log}`)
    const error = nameOfError(errorCode)
    acknowledging.isRefused = error === 'INVALID_RECORD_STATE'
    this.#end(acknowledging, errorCode === 0 ? 'ok' : refusals.includes(error) ? 'failed' : 'unknown')
    if (error === 'NOT_LEADER_OR_FOLLOWER') this.#parts.misdirected()
  }

  #end(acknowledging: Acknowledging, outcome: Outcome): void {
    const { client, machine, leadershipOf } = this.#parts
    const [topicId, partition] = acknowledging.log.split('/')
    const { tenure, epochLeast: epoch } = acknowledging.leadership
    const before = tenure === '' ? undefined : { tenure, epoch }
    acknowledging.leadership = leadershipBetween(before, leadershipOf(machine, topicId!, Number(partition)))
    acknowledging.endMs = client.host.clock.monotonicMs()
    client.recorder.end(acknowledging, outcome)
  }

  #take(
    fetch: QueueFetch,
    target: QueueTarget,
    answer: PartitionAnswer | undefined,
    before: LedBy | undefined,
  ): LentMessage[] {
    if (answer === undefined) return []
    if (answer.errorCode !== 0) this.#parts.misdirected()
    const values = new Map(
      readRecords(answer.records ?? Buffer.alloc(0), 0).records.map(({ offset, value }) => [offset, value]),
    )
    const messages = answer.acquiredRecords.flatMap(({ firstOffset, lastOffset, deliveryCount }) =>
      Array.from({ length: lastOffset - firstOffset + 1 }, (_, index) => {
        const offset = firstOffset + index
        return { offset, deliveryCount, value: values.get(offset) }
      }),
    )
    if (messages.length === 0) return []
    fetch.lent.push({ log: target.log, leadership: leadershipBetween(before, this.#ledBy(target)), messages })
    return messages.map((message) => ({ ...message, target }))
  }

  #ledBy({ topic, partition }: QueueTarget): LedBy | undefined {
    return this.#parts.leadershipOf(this.#parts.machine, topic.id, partition)
  }
}

/** What the two ends of a request say about who answered it. */
function leadershipBetween(before: LedBy | undefined, after: LedBy | undefined): Leadership {
  const epochs = [before, after].flatMap((led) => (led === undefined ? [] : [led.epoch]))
  if (epochs.length === 0) return { tenure: '', epochLeast: -1, epochMost: -1 }
  const isOne = before !== undefined && (after === undefined || before.tenure === after.tenure)
  return { tenure: isOne ? before.tenure : '', epochLeast: Math.min(...epochs), epochMost: Math.max(...epochs) }
}

function partitionsOf<P extends { partitionIndex: number }>(
  responses: readonly { topicId: string; partitions: readonly P[] }[],
): Map<string, P> {
  return new Map(
    responses.flatMap(({ topicId, partitions }) =>
      partitions.map((each): [string, P] => [`${topicId}/${each.partitionIndex}`, each]),
    ),
  )
}

/** Partitions to add and messages to speak of, as requests have them. */
function topicsOf(added: readonly QueueTarget[], remarks: readonly Remark[]) {
  const targets = new Map([...added, ...remarks.map(({ target }) => target)].map((target) => [target.log, target]))
  const byTopic = Map.groupBy(targets.values(), ({ topic }) => topic.id)
  return [...byTopic].map(([topicId, list]) => ({
    topicId,
    partitions: list.map(({ partition, log }) => ({
      partitionIndex: partition,
      acknowledgementBatches: remarks
        .filter(({ target }) => target.log === log)
        .toSorted((one, other) => one.offset - other.offset)
        .map(({ offset, word, retryDelayMs }) => ({
          firstOffset: offset,
          lastOffset: offset,
          acknowledgeTypes: [codes[word]],
          retryDelayMs,
        })),
    })),
  }))
}
