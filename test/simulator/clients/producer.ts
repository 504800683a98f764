import { apis } from '@polylog/wire'
import { encodeBatch } from '../../../packages/client/src/records/batch.ts'
import type { ProducerMark } from '../../../packages/client/src/records/batch.ts'
import type { Send } from '../checkers/history.ts'
import type { KnownTopic } from './catalogue.ts'
import { logOf } from './catalogue.ts'
import { makeRecord } from './record-values.ts'
import type { MadeRecord } from './record-values.ts'
import { nameOfError, Session } from './session.ts'
import type { ClientParts } from './session.ts'
import { NoAnswer } from './wire-connection.ts'

export interface ProducerOptions {
  idempotent: boolean
  acks: 1 | -1
  /** Batches under way at a time, at most 5 as in Kafka. */
  windowMax: number
  /** Mean time between two windows. */
  pauseMs: number
  recordBytesMax: number
  recordsPerBatchMax: number
  /** Share of batches so large that the broker takes them past its journal. */
  largeShare: number
  compression: 'none' | 'gzip'
  timeoutMs: number
  /** One of several brokers may hear of a topic late. */
  mayHearLate: boolean
  /** Whether records say what groups may filter by. */
  hasTags: boolean
}

/** A batch that is not answered for good yet. */
interface Pending {
  topic: KnownTopic
  partition: number
  records: MadeRecord[]
  send: Send
  sequence: number
  tryCount: number
}

/** What a log answers that is damaged, or that no replica can follow through the damage. */
const rottenErrors: ReadonlySet<string> = new Set([
  'KAFKA_STORAGE_ERROR',
  'NOT_ENOUGH_REPLICAS',
  'NOT_ENOUGH_REPLICAS_AFTER_APPEND',
])

/** Tries after which a log that refuses for good is given up. */
const rottenTryCountMax = 30

/** Answers that say for sure that nothing was stored. */
const refusals = [
  'UNKNOWN_TOPIC_OR_PARTITION',
  'UNKNOWN_TOPIC_ID',
  'INVALID_RECORD',
  'MESSAGE_TOO_LARGE',
  'INVALID_TIMESTAMP',
]

/**
 * Sends batches to random logs. An idempotent producer repeats a batch with its sequence number until it knows what
 * became of it; a plain one sends it once and lives with not knowing.
 */
export class Producer {
  readonly #session: Session
  readonly #parts: ClientParts
  readonly #options: ProducerOptions
  readonly #sequences = new Map<string, number>()
  /** Logs that have acknowledged a batch. */
  readonly #opened = new Set<string>()
  /** Logs that took nothing any more. */
  readonly #givenUp = new Set<string>()
  #mark: Pick<ProducerMark, 'producerId' | 'producerEpoch'> = { producerId: -1, producerEpoch: -1 }
  #recordCount = 0
  #pending: Pending[] = []

  constructor(parts: ClientParts, options: ProducerOptions) {
    this.#session = new Session(parts)
    this.#parts = parts
    this.#options = options
  }

  async run(): Promise<void> {
    const { random, isEnding } = this.#parts
    if (this.#options.idempotent) await this.#identify()
    while (!isEnding() || this.#pending.length > 0) {
      if (!isEnding()) this.#draw()
      const answered = await this.#sendWindow()
      const pauseMs = answered ? this.#options.pauseMs : 100
      await this.#session.sleep(random.between(0, 2 * pauseMs))
    }
    await this.#session.close()
  }

  async #identify(): Promise<void> {
    for (;;) {
      const request = { transactionalId: null, transactionTimeoutMs: 0 }
      const { errorCode, producerId, producerEpoch } = await this.#session.insist(apis[22], 4, request)
      this.#mark = { producerId, producerEpoch }
      if (errorCode === 0) return
      await this.#session.sleep(200)
    }
  }

  #draw(): void {
    const { random, catalogue, recorder } = this.#parts
    const { windowMax, idempotent } = this.#options
    const count = 1 + random.below(windowMax)
    for (let draw = 0; draw < count && this.#pending.length < count; draw += 1) {
      const topic = catalogue.topics[random.below(catalogue.topics.length)]
      if (topic === undefined) return
      const partition = random.below(topic.partitionCount)
      const log = logOf(topic.id, partition)
      // A broker takes any sequence number from a producer it does not know, as Kafka's: the first batch goes alone.
      if (!this.#opened.has(log) && this.#pending.some((other) => other.send.log === log)) continue
      const index = this.#recordCount
      const records = this.#makeRecords()
      const facts = { log, producer: this.#parts.name, idempotent, index, baseOffset: -1 }
      const send: Send = { ...recorder.begin(), ...facts, records: records.map(({ seen }) => seen) }
      recorder.history.sends.push(send)
      const sequence = this.#sequences.get(log) ?? 0
      this.#sequences.set(log, sequence + records.length)
      this.#pending.push({ topic, partition, records, send, sequence, tryCount: 0 })
    }
  }

  #makeRecords(): MadeRecord[] {
    const { random, name } = this.#parts
    const { recordBytesMax, recordsPerBatchMax, largeShare, hasTags } = this.#options
    const isLarge = random.chance(largeShare)
    const count = isLarge ? 2 : 1 + random.below(recordsPerBatchMax)
    return Array.from({ length: count }, () => {
      const bytes = isLarge ? 70_000 + random.below(30_000) : random.below(recordBytesMax)
      this.#recordCount += 1
      return makeRecord(`${name}.${this.#recordCount}`, `k${random.below(12)}`, bytes, random, hasTags)
    })
  }

  /** Sends all pending batches, each in a request of its own, without waiting between them. False after any trouble. */
  async #sendWindow(): Promise<boolean> {
    const window = this.#pending
    const settled = await Promise.all(window.map((pending) => this.#sendOnce(pending)))
    const left = window.filter((_, index) => !settled[index])
    // What stands behind a batch that was given up would leave a gap in the sequence: no broker may take it, ever.
    const { idempotent } = this.#options
    this.#pending = left.filter(({ send }) => idempotent && !this.#givenUp.has(send.log))
    for (const pending of left) if (!this.#pending.includes(pending)) this.#parts.recorder.end(pending.send, 'unknown')
    return left.length === 0
  }

  /** True once the fate of the batch is known. */
  async #sendOnce(pending: Pending): Promise<boolean> {
    const { topic, partition, records, sequence } = pending
    const { compression, acks, timeoutMs, idempotent } = this.#options
    const nowMs = this.#parts.host.clock.nowMs()
    const mark = { ...this.#mark, baseSequence: idempotent ? sequence : -1 }
    const batch = encodeBatch(records, compression, nowMs, mark)
    const partitionData = [{ index: partition, records: batch }]
    const request = { acks, timeoutMs, topicData: [{ topicId: topic.id, partitionData }] }
    try {
      const connection = await this.#session.leader(topic.id, partition)
      pending.tryCount += 1
      const { responses } = await connection.exchange(apis[0], 13, request, timeoutMs + 1000)
      const answer = responses[0]!.partitionResponses[0]!
      return this.#settle(pending, nameOfError(answer.errorCode), answer.baseOffset)
    } catch (error) {
      if (error instanceof NoAnswer) return false
      throw error
    }
  }

  #settle(pending: Pending, error: string, baseOffset: number): boolean {
    const { send, tryCount, topic } = pending
    const { recorder, catalogue } = this.#parts
    if (error === 'NONE' || error === 'DUPLICATE_SEQUENCE_NUMBER') {
      send.baseOffset = error === 'NONE' ? baseOffset : -1
      recorder.end(send, 'ok')
      this.#opened.add(send.log)
      return true
    }
    if (rottenErrors.has(error) && tryCount > rottenTryCountMax && this.#mayRefuseForEver(send.log)) {
      this.#givenUp.add(send.log)
      recorder.end(send, 'unknown')
      return true
    }
    if (error === 'NOT_LEADER_OR_FOLLOWER' || error === 'LEADER_NOT_AVAILABLE') this.#session.forgetLeaders()
    // An earlier batch of the log that has to be sent again leaves a gap before this one for now.
    const isGap = this.#pending.some((other) => other.send.log === send.log && other.sequence < pending.sequence)
    const isLost = error === 'OUT_OF_ORDER_SEQUENCE_NUMBER' && !isGap
    const isEarly = error.startsWith('UNKNOWN_TOPIC') && this.#options.mayHearLate && catalogue.topics.includes(topic)
    if (isEarly) this.#session.forgetLeaders()
    if ((isEarly || !refusals.includes(error)) && !isLost && error !== 'UNKNOWN_PRODUCER_ID') return false
    send.error = error
    // What an earlier try has done is not known.
    recorder.end(send, tryCount > 1 ? 'unknown' : 'failed')
    return true
  }

  /** Nothing happens any more, and nobody has what a log lacks whose files were damaged on purpose: it takes no records. */
  #mayRefuseForEver(log: string): boolean {
    const { recorder, isEnding } = this.#parts
    return isEnding() && recorder.history.logs.get(log)?.rotten === true && !recorder.mendable.has(log)
  }
}
