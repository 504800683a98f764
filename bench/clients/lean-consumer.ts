import { randomBytes } from 'node:crypto'
import { setTimeout as delay } from 'node:timers/promises'
import { ByteReader } from '../load/bytes.ts'
import type { Address } from '../load/job.ts'
import { within } from '../load/produce.ts'
import type { ReceiverEvents } from './client.ts'
import { FrameConnection } from './frame-connection.ts'
import { walkRecords } from './record-walk.ts'
import {
  heartbeatAnswer,
  heartbeatFrame,
  metadataFrame,
  shareFetchAnswer,
  shareFetchFrame,
  topicIdOf,
} from './share-frames.ts'
import type { OffsetRange, ShareFetched, ShareMembership } from './share-frames.ts'
import { stampOf } from './stamp.ts'

const IDLE_WAIT_MS = 500
/** The same while an acknowledgement is under way: its answer comes with that of the fetch. */
const BUSY_WAIT_MS = 20
const HEARTBEAT_INTERVAL_MS = 3000
const RETRY_MS = 20
const JOIN_MS_MAX = 30_000
const CLOSE_MS_MAX = 10_000
/** COORDINATOR_LOAD_IN_PROGRESS, COORDINATOR_NOT_AVAILABLE, NOT_COORDINATOR. */
const PASSING: ReadonlySet<number> = new Set([14, 15, 16])
const NO_RANGES: readonly OffsetRange[] = []

/**
 * One member of a share group, on a connection of its own, with one request in flight: each fetch carries the acknowledgement
 * of what the one before has brought.
 */
export class LeanConsumer {
  readonly #connection: FrameConnection
  readonly #recordsMax: number
  readonly #events: ReceiverEvents
  /** What is to be done with the answers, in order. */
  readonly #answers: ((reader: ByteReader) => void)[]
  #membership: ShareMembership
  #memberEpoch = 0
  #sessionEpoch = 0
  #correlationId = 0
  #accepting: readonly OffsetRange[] = NO_RANGES
  #heartbeatDueMs = 0
  #stopped: (() => void) | undefined
  /** Messages whose acknowledgement the broker has confirmed. */
  acceptedCount = 0

  private constructor(
    connection: FrameConnection,
    answers: ((reader: ByteReader) => void)[],
    membership: ShareMembership,
    options: { recordsMax: number; events: ReceiverEvents },
  ) {
    this.#connection = connection
    this.#answers = answers
    this.#membership = membership
    this.#recordsMax = options.recordsMax
    this.#events = options.events
  }

  /** Joins the group and begins to fetch. */
  static async start(
    options: { address: Address; group: string; topic: string; recordsMax: number },
    events: ReceiverEvents,
  ): Promise<LeanConsumer> {
    const answers: ((reader: ByteReader) => void)[] = []
    const connection = await FrameConnection.open(options.address, {
      frame: (bytes) => answers.shift()!(new ByteReader(bytes, 8)),
      failed: events.failed,
    })
    const { group, topic, recordsMax } = options
    const memberId = randomBytes(16).toString('base64url')
    const membership = { group, memberId, topic, topicId: Buffer.alloc(0) }
    const consumer = new LeanConsumer(connection, answers, membership, { recordsMax, events })
    await within(consumer.#join(topic), JOIN_MS_MAX, 'the group')
    return consumer
  }

  async #join(topic: string): Promise<void> {
    for (;;) {
      const topicId = await this.#ask((id) => metadataFrame(topic, id), topicIdOf)
      if (topicId !== undefined) {
        this.#membership = { ...this.#membership, topicId }
        break
      }
      await delay(RETRY_MS)
    }
    for (;;) {
      const { errorCode, memberEpoch } = await this.#ask(
        (id) => heartbeatFrame(this.#membership, 0, id),
        heartbeatAnswer,
      )
      if (errorCode === 0) {
        this.#memberEpoch = memberEpoch
        break
      }
      if (!PASSING.has(errorCode)) throw new Error(`joining the group failed with error code ${errorCode}`)
      await delay(RETRY_MS)
    }
    this.#heartbeatDueMs = performance.now() + HEARTBEAT_INTERVAL_MS
    await this.#ask(
      (id) => shareFetchFrame(this.#membership, { epoch: 0, waitMsMax: 0, recordsMax: 1, accepted: NO_RANGES }, id),
      // The bytes are gone by the time that the promise is settled.
      (reader) => this.#fetched(shareFetchAnswer(reader)),
    )
  }

  /** Ends the session and leaves. */
  async close(): Promise<void> {
    await within(new Promise<void>((resolve) => (this.#stopped = resolve)), CLOSE_MS_MAX, 'the last fetch')
    await this.#ask((id) => heartbeatFrame(this.#membership, -1, id), heartbeatAnswer)
    this.#connection.close()
  }

  #ask<T>(frame: (correlationId: number) => Buffer, read: (reader: ByteReader) => T): Promise<T> {
    return new Promise((resolve) => this.#send(frame, (reader) => resolve(read(reader))))
  }

  #send(frame: (correlationId: number) => Buffer, answered: (reader: ByteReader) => void): void {
    this.#answers.push(answered)
    this.#connection.write(frame(++this.#correlationId))
  }

  #fetched({ errorCode, acknowledgeErrorCode, batches, acquired }: ShareFetched): void {
    const fault = errorCode || acknowledgeErrorCode
    if (fault !== 0) throw new Error(`ShareFetch failed with error code ${errorCode} or ${acknowledgeErrorCode}`)
    for (const { first, last } of this.#accepting) this.acceptedCount += last - first + 1
    this.#accepting = acquired
    if (acquired.length > 0) this.#deliver(batches, acquired)
    this.#sessionEpoch++
    this.#fetch()
  }

  #deliver(batches: Buffer, acquired: readonly OffsetRange[]): void {
    const { delivered } = this.#events
    let at = 0
    walkRecords(batches, (offset, valueAt) => {
      while (at < acquired.length && acquired[at]!.last < offset) at++
      if (at < acquired.length && acquired[at]!.first <= offset) delivered(stampOf(batches, valueAt))
    })
  }

  #fetch(): void {
    if (this.#stopped !== undefined) {
      const options = { epoch: -1, waitMsMax: 0, recordsMax: 0, accepted: this.#accepting }
      this.#send((id) => shareFetchFrame(this.#membership, options, id), this.#stopped)
      return
    }
    if (performance.now() >= this.#heartbeatDueMs) this.#heartbeat()
    const options = {
      epoch: this.#sessionEpoch,
      waitMsMax: this.#accepting.length > 0 ? BUSY_WAIT_MS : IDLE_WAIT_MS,
      recordsMax: this.#recordsMax,
      accepted: this.#accepting,
    }
    this.#send(
      (id) => shareFetchFrame(this.#membership, options, id),
      (reader) => this.#fetched(shareFetchAnswer(reader)),
    )
  }

  #heartbeat(): void {
    this.#heartbeatDueMs = performance.now() + HEARTBEAT_INTERVAL_MS
    this.#send(
      (id) => heartbeatFrame(this.#membership, this.#memberEpoch, id),
      (reader) => {
        const { errorCode, memberEpoch } = heartbeatAnswer(reader)
        if (errorCode !== 0) throw new Error(`a heartbeat failed with error code ${errorCode}`)
        this.#memberEpoch = memberEpoch
      },
    )
  }
}
