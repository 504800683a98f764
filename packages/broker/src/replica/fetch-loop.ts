import type { Clock, Timer } from '../host/clock.ts'
import { BrokerError } from '../errors/errors.ts'
import type { Logger } from '../telemetry/logger.ts'
import type { Follower } from './follower.ts'
import type { Ownership } from '../host/frame-memory.ts'
import type { PeerAnswer, PeerFetchedPartition, PeerFetchPartition, PeerSession } from './peers.ts'

export interface FetchLoopParts {
  readonly session: PeerSession
  readonly clock: Clock
  readonly logger: Logger
  readonly replicaId: number
  readonly replicaEpoch: number
  /** `replica.fetch.max.bytes`: bytes of one partition in one answer. */
  readonly partitionBytesMax: number
  /** `replica.fetch.response.max.bytes` */
  readonly answerBytesMax: number
  /** `replica.fetch.wait.max.ms` */
  readonly waitMsMax: number
  /** `replica.fetch.backoff.ms`: pause after a failure. */
  readonly backoffMs: number
  /** Bytes per second that may be fetched; Infinity for replicas in step. */
  readonly bytesPerSecondMax: number
}

/** One partition in the loop, and what the leader was last asked about it. */
interface Slot {
  readonly follower: Follower
  /** Undefined while the leader is not asked about it. */
  sent: PeerFetchPartition | undefined
  /** Left out of requests until then, after a failure of this partition alone. */
  pausedUntilMs: number
  /** How long the last pause was; 0 after a success. */
  pauseMs: number
  stopListening: () => void
}

/**
 * First pause of a partition, which doubles up to `backoffMs`: mostly the leader has not heard yet that it is one, and the
 * partition stands still until a follower has fetched.
 */
const pauseMsMin = 10

/**
 * Fetches all partitions that this broker follows from one other broker: asks, takes every partition's answer, waits until
 * all is on disk, asks again, which tells the leader how far it is. A failure pauses the loop or the partition, never ends
 * it. A round costs what has changed, not what there is: thousands of partitions are quiet most of the time.
 */
export class FetchLoop {
  readonly #parts: FetchLoopParts
  readonly #slots = new Map<string, Slot>()
  /** Slots whose request may differ from what the leader was told. */
  readonly #changed = new Set<Slot>()
  readonly #paused = new Set<Slot>()
  /** Asked about in this session and no longer wanted. */
  #removed: { topicId: string; index: number }[] = []
  #sentCount = 0
  #wake: (() => void) | undefined
  #timer: Timer | undefined
  #pauseTimer: Timer | undefined
  #isAsking = false
  #closed = false

  constructor(parts: FetchLoopParts) {
    this.#parts = parts
    this.#run().catch((error: unknown) => {
      parts.logger.error('a fetch loop has died, which is a bug', {
        stack: error instanceof Error ? error.stack : String(error),
      })
    })
  }

  get size(): number {
    return this.#slots.size
  }

  add(follower: Follower): void {
    const change = (): void => {
      if (!this.#paused.has(slot)) this.#changed.add(slot)
    }
    const stopListening = follower.replica.onReplicaAdvance(change)
    const slot: Slot = { follower, sent: undefined, pausedUntilMs: 0, pauseMs: 0, stopListening }
    this.#slots.set(keyOf(follower), slot)
    this.#changed.add(slot)
    this.#rouse()
    this.#hurry()
  }

  remove(follower: Follower): void {
    const key = keyOf(follower)
    const slot = this.#slots.get(key)
    if (slot?.follower !== follower) return
    slot.stopListening()
    this.#slots.delete(key)
    this.#changed.delete(slot)
    this.#paused.delete(slot)
    this.#leaveOut(slot)
  }

  close(): void {
    this.#closed = true
    for (const { stopListening } of this.#slots.values()) stopListening()
    this.#pauseTimer?.cancel()
    this.#parts.session.close()
    this.#rouse()
  }

  #leaveOut(slot: Slot): void {
    if (slot.sent === undefined) return
    const { topicId, index } = slot.follower.replica
    this.#removed.push({ topicId, index })
    slot.sent = undefined
    this.#sentCount -= 1
  }

  #rouse(): void {
    this.#timer?.cancel()
    this.#wake?.()
  }

  /** The leader is waiting for news of other partitions; with those that are new it can wait as well. */
  #hurry(): void {
    if (this.#isAsking) this.#parts.session.nudge()
  }

  /** Waits for `delayMs`, or until something is added. */
  async #pause(delayMs: number): Promise<void> {
    if (this.#closed) return
    await new Promise<void>((resolve) => {
      this.#wake = resolve
      if (delayMs < Infinity) this.#timer = this.#parts.clock.startTimer(delayMs, resolve)
    })
    this.#wake = undefined
  }

  async #run(): Promise<void> {
    while (!this.#closed) {
      this.#endPauses()
      const changed = this.#collectChanges()
      if (this.#sentCount > 0) await this.#round(changed)
      else await this.#pause(this.#slots.size === 0 ? Infinity : this.#parts.backoffMs)
    }
  }

  #endPauses(): void {
    if (this.#paused.size === 0) return
    const nowMs = this.#parts.clock.monotonicMs()
    for (const slot of this.#paused) {
      if (slot.pausedUntilMs > nowMs) continue
      this.#paused.delete(slot)
      this.#changed.add(slot)
    }
    this.#watchPauses()
  }

  /** The end of a pause must not wait for the end of a request that has nothing to do with it. */
  #watchPauses(): void {
    this.#pauseTimer?.cancel()
    this.#pauseTimer = undefined
    if (this.#paused.size === 0 || this.#closed) return
    const endMs = Math.min(...[...this.#paused].map(({ pausedUntilMs }) => pausedUntilMs))
    this.#pauseTimer = this.#parts.clock.startTimer(Math.max(0, endMs - this.#parts.clock.monotonicMs()), () => {
      this.#pauseTimer = undefined
      this.#rouse()
      this.#hurry()
    })
  }

  /** What the leader is to be told anew. */
  #collectChanges(): PeerFetchPartition[] {
    const requests: PeerFetchPartition[] = []
    for (const slot of this.#changed) {
      if (!slot.follower.isSound) {
        this.#leaveOut(slot)
        continue
      }
      const request = slot.follower.request(this.#parts.partitionBytesMax)
      if (slot.sent !== undefined && isSame(slot.sent, request)) continue
      if (slot.sent === undefined) this.#sentCount += 1
      slot.sent = request
      requests.push(request)
    }
    this.#changed.clear()
    return requests
  }

  async #round(changed: readonly PeerFetchPartition[]): Promise<void> {
    const { clock, logger, backoffMs, bytesPerSecondMax } = this.#parts
    const startMs = clock.monotonicMs()
    let answer: PeerAnswer
    try {
      this.#isAsking = true
      answer = await this.#fetch(changed)
    } catch (error) {
      if (!(error instanceof BrokerError)) throw error
      if (this.#closed) return
      this.#forgetSession()
      const fields = { error: error.message }
      // That passes with no wait: somebody has to set something right.
      if (error.code === 'authentication-failed') logger.warn('a leader cannot be fetched from', fields)
      else logger.info('a leader cannot be fetched from', fields)
      await this.#pause(backoffMs)
      return
    } finally {
      this.#isAsking = false
    }
    let bytes = 0
    const { partitions, memory } = answer
    const work = partitions.map((partition) => {
      bytes += partition.records.length
      return this.#take(partition, memory ?? true)
    })
    await Promise.all(work)
    memory?.letGo()
    const dueMs = startMs + (bytes / bytesPerSecondMax) * 1000
    if (dueMs > clock.monotonicMs()) await this.#pauseFully(dueMs)
  }

  /** The next request says everything again. */
  #forgetSession(): void {
    for (const slot of this.#slots.values()) {
      if (slot.sent === undefined) continue
      slot.sent = undefined
      this.#changed.add(slot)
    }
    this.#sentCount = 0
    this.#removed = []
  }

  /** Keeps to the rate whatever is added meanwhile. */
  async #pauseFully(untilMs: number): Promise<void> {
    for (;;) {
      const restMs = untilMs - this.#parts.clock.monotonicMs()
      // Timers are not exact to less than a millisecond.
      if (restMs < 1 || this.#closed) return
      await this.#pause(restMs)
    }
  }

  #fetch(changed: readonly PeerFetchPartition[]): Promise<PeerAnswer> {
    const { session, replicaId, replicaEpoch, answerBytesMax, waitMsMax } = this.#parts
    // One that is asked about again has not been removed.
    const removed = this.#removed.filter(
      ({ topicId, index }) => this.#slots.get(`${topicId}:${index}`)?.sent === undefined,
    )
    this.#removed = []
    const all = (): PeerFetchPartition[] => [...this.#slots.values()].flatMap(({ sent }) => sent ?? [])
    const limits = { waitMsMax, bytesMin: 1, bytesMax: answerBytesMax }
    return session.fetch({ replicaId, replicaEpoch, ...limits, changed, removed, all })
  }

  async #take(answer: PeerFetchedPartition, owned: Ownership): Promise<void> {
    const slot = this.#slots.get(`${answer.topicId}:${answer.index}`)
    const asked = slot?.sent
    if (slot === undefined || asked === undefined || asked.currentLeaderEpoch !== slot.follower.epoch) return
    if ((await slot.follower.take(asked, answer, owned)) === 'taken') {
      slot.pauseMs = 0
      this.#changed.add(slot)
    } else {
      slot.pauseMs = Math.min(this.#parts.backoffMs, Math.max(pauseMsMin, 2 * slot.pauseMs))
      slot.pausedUntilMs = this.#parts.clock.monotonicMs() + slot.pauseMs
      this.#paused.add(slot)
      this.#leaveOut(slot)
    }
    // It may have been removed while it was at work.
    if (this.#slots.get(keyOf(slot.follower)) === slot) return
    this.#changed.delete(slot)
    this.#paused.delete(slot)
  }
}

function keyOf({ replica }: Follower): string {
  return `${replica.topicId}:${replica.index}`
}

function isSame(a: PeerFetchPartition, b: PeerFetchPartition): boolean {
  return (
    a.fetchOffset === b.fetchOffset &&
    a.currentLeaderEpoch === b.currentLeaderEpoch &&
    a.lastFetchedEpoch === b.lastFetchedEpoch &&
    a.logStartOffset === b.logStartOffset &&
    a.highWatermark === b.highWatermark
  )
}
