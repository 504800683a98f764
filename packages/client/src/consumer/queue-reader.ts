import { apis } from '@polylog/wire'
import { ClientError } from '../client-error.ts'
import type { Cluster } from '../cluster.ts'
import type { Backoff } from '../waiting.ts'
import { backoffMs, deferred, pauseFor } from '../waiting.ts'
import type { Acknowledgement, AcknowledgeType, Delivery, SharePartition } from './delivery.ts'
import { boundedReason, partitionKey } from './delivery.ts'
import { HeldMessages } from './held-messages.ts'
import { ShareMember } from './share-member.ts'
import type { SessionOwner } from './share-session.ts'
import { ShareSession } from './share-session.ts'

export interface QueueReaderOptions {
  group: string
  topics: readonly string[]
  backoff: Backoff
  /** Takes what the group lends. */
  onDeliveries: (deliveries: Delivery[]) => void
  /** What does not pass by itself; reading goes on. */
  onError: (error: ClientError) => void
}

interface SettleDetails {
  /** Of a release: pause before the next delivery; -1 (default) leaves it to the group. */
  retryDelayMs?: number
  /** Of a reject: what the dead letter says. */
  reason?: string
}

/** How long a broker may hold an empty answer: a stop waits for it. */
const idleWaitMs = 500
/** The same while messages are at work, whose acknowledgements wait as long. */
const busyWaitMs = 20
const acknowledgeAttemptsMax = 5
const renewVersion = 2
const topicLookupMsMax = 2000

/**
 * Reads the share partitions of one member: membership, a session with each broker that leads some of them, locks that are
 * renewed while messages are held, acknowledgements. Reads no more than there is room for.
 */
export class QueueReader {
  readonly memberId: string
  readonly #cluster: Cluster
  readonly #options: QueueReaderOptions
  readonly #member: ShareMember
  readonly #sessions = new Map<number, ShareSession>()
  readonly #held = new HeldMessages()
  readonly #stopped = new AbortController()
  #waiting: Acknowledgement[] = []
  #assigned: readonly { topicId: string; partition: number }[] = []
  #leaders = new Map<string, number>()
  #planning = false
  #planStale = false
  #roomMax = 0
  #freeMin = 1
  #parkedCount = 0
  #mayRenew = true
  #cancelRenewal: (() => void) | undefined

  constructor(cluster: Cluster, options: QueueReaderOptions) {
    this.#cluster = cluster
    this.#options = options
    this.#member = new ShareMember(cluster, {
      group: options.group,
      topics: options.topics,
      backoff: options.backoff,
      onError: options.onError,
      onAssignment: (partitions) => {
        this.#assigned = partitions
        this.#plan()
      },
    })
    this.memberId = this.#member.memberId
  }

  /** Messages lent to this member and not yet acknowledged. */
  get heldCount(): number {
    return this.#held.size
  }

  /** Whether the message is still this member's, and not yet settled. */
  holds(delivery: Delivery): boolean {
    return this.#held.sameAs(delivery) === delivery
  }

  /** Joins the group. @throws ClientError of a kind that does not pass; 'unsupported' without share groups */
  async start(signal: AbortSignal | undefined): Promise<void> {
    await this.#member.join(signal)
    this.#mayRenew = ((await this.#cluster.versions()).get(apis[79].key)?.max ?? 0) >= renewVersion
  }

  /**
   * Reads until so many messages are held; 0 pauses.
   * @param freeMin no broker is asked for fewer
   */
  setRoom(messageCount: number, freeMin = Math.ceil(messageCount / 2)): void {
    this.#roomMax = messageCount
    this.#freeMin = freeMin
    this.#wakeAll()
  }

  /** Releases a message after a time, for brokers that cannot: until then it stays locked, but takes no room. */
  releaseLater(delivery: Delivery, delayMs: number): void {
    this.#parkedCount++
    const release = (): void => {
      this.#parkedCount--
      this.settle(delivery, 'release').catch(() => undefined)
    }
    const cancel = this.#cluster.environment.after(delayMs, () => {
      delivery.onLost = undefined
      release()
    })
    delivery.onLost = () => {
      cancel()
      this.#parkedCount--
    }
    this.#wakeAll()
  }

  /** Tells the group what became of a message; resolves when the broker has it. @throws ClientError 'lock-lost' */
  settle(delivery: Delivery, type: AcknowledgeType, details?: SettleDetails): Promise<void> {
    if (!this.holds(delivery)) {
      return Promise.reject(new ClientError('lock-lost', `${described(delivery)} is no longer this consumer's`))
    }
    this.#held.delete(delivery)
    const { offset } = delivery.record
    return this.#acknowledge(delivery, offset, offset, type, details)
  }

  /** Makes the lock of a message begin anew; it stays held. @throws ClientError 'lock-lost', 'unsupported' */
  async renew(delivery: Delivery, lockMs: number): Promise<void> {
    if (!this.#mayRenew)
      throw new ClientError('unsupported', 'the broker cannot renew locks (ShareAcknowledge version 2)')
    const { offset } = delivery.record
    // So that the timer does not ask a second time meanwhile.
    delivery.lockedUntilMs = this.#cluster.environment.monotonicMs() + lockMs
    await this.#acknowledge(delivery, offset, offset, 'renew')
  }

  /** Stops reading; what is held stays held, and can still be settled. */
  pause(): void {
    this.setRoom(0)
  }

  /** Gives back what is held, tells the last acknowledgements and leaves the group. */
  async close(timeoutMs: number): Promise<void> {
    if (this.#stopped.signal.aborted) return
    this.pause()
    const released = [...this.#held.values()].map((delivery) =>
      this.settle(delivery, 'release', { retryDelayMs: 0 }).catch(() => undefined),
    )
    this.#stopped.abort()
    this.#cancelRenewal?.()
    await Promise.all([...this.#sessions.values()].map((session) => session.stop(timeoutMs)))
    const lost = new ClientError('closed', 'the consumer was closed before the broker took the acknowledgement')
    for (const acknowledgement of this.#waiting.splice(0)) acknowledgement.reject(lost)
    await Promise.all(released)
    await this.#member.leave(timeoutMs)
    this.#cluster.closeLane(this.#lane)
  }

  get #lane(): string {
    return `share-${this.memberId}`
  }

  #acknowledge(
    { topicId, topic, partition, key }: SharePartition,
    firstOffset: number,
    lastOffset: number,
    type: AcknowledgeType,
    { retryDelayMs = -1, reason = '' }: SettleDetails = {},
  ): Promise<void> {
    if (this.#stopped.signal.aborted) return Promise.reject(new ClientError('closed', 'the consumer was closed'))
    const { promise, resolve, reject } = deferred<void>()
    const rejectReason = boundedReason(reason)
    const range = { topicId, topic, partition, key, firstOffset, lastOffset, type, retryDelayMs, rejectReason }
    const lost = (error: unknown): void => reject(lockLost(range, error))
    this.#waiting.push({ ...range, attempts: 0, resolve, reject: lost })
    this.#wakeAll()
    return promise
  }

  #wakeAll(): void {
    for (const session of this.#sessions.values()) session.wake()
  }

  /** How many messages a session may ask for: its part of the room, once half of that is free. */
  #wanted(): number {
    if (this.#stopped.signal.aborted) return 0
    const free = this.#roomMax - (this.#held.size - this.#parkedCount)
    if (free < Math.max(1, this.#freeMin)) return 0
    return Math.max(1, Math.ceil(free / Math.max(1, this.#sessions.size)))
  }

  #takeAcknowledgements(brokerId: number): Acknowledgement[] {
    const taken: Acknowledgement[] = []
    const left: Acknowledgement[] = []
    for (const one of this.#waiting) (this.#leaders.get(one.key) === brokerId ? taken : left).push(one)
    this.#waiting = left
    return taken
  }

  #putBack(acknowledgements: readonly Acknowledgement[]): void {
    for (const acknowledgement of acknowledgements) {
      if (++acknowledgement.attempts < acknowledgeAttemptsMax) this.#waiting.push(acknowledgement)
      else acknowledgement.reject(new ClientError('unreachable', 'no broker took the acknowledgement'))
    }
  }

  #deliver(deliveries: Delivery[]): void {
    for (const delivery of deliveries) {
      // The group took it back before this member noticed, and has lent it again.
      this.#held.sameAs(delivery)?.onLost?.()
      this.#held.put(delivery)
    }
    this.#watchLocks(deliveries[0]!.lockedUntilMs - this.#cluster.environment.monotonicMs())
    this.#options.onDeliveries(deliveries)
  }

  /** Renews the locks of what is held, a third of their time before they end. */
  #watchLocks(lockMs: number): void {
    if (this.#cancelRenewal !== undefined || this.#stopped.signal.aborted) return
    const { environment } = this.#cluster
    this.#cancelRenewal = environment.after(Math.max(1, lockMs / 4), () => {
      this.#cancelRenewal = undefined
      const dueMs = environment.monotonicMs() + lockMs / 2
      for (const delivery of this.#held.values()) {
        if (delivery.lockedUntilMs > dueMs) continue
        if (this.#mayRenew) this.renew(delivery, lockMs).catch(() => this.#lose(delivery))
        else if (delivery.lockedUntilMs <= environment.monotonicMs()) this.#lose(delivery)
      }
      if (this.#held.size > 0) this.#watchLocks(lockMs)
    })
  }

  #lose(delivery: Delivery): void {
    if (!this.holds(delivery)) return
    this.#held.delete(delivery)
    delivery.onLost?.()
    this.#wakeAll()
  }

  /** Finds out who leads what is assigned, and tells the sessions. One at a time; asked again meanwhile, it runs again. */
  #plan(): void {
    if (this.#stopped.signal.aborted) return
    if (this.#planning) {
      this.#planStale = true
      return
    }
    this.#planning = true
    void this.#planOnce().finally(() => {
      this.#planning = false
      if (this.#planStale) {
        this.#planStale = false
        this.#plan()
      }
    })
  }

  async #planOnce(): Promise<void> {
    const { environment } = this.#cluster
    const { signal } = this.#stopped
    for (let attempt = 1; !signal.aborted; attempt++) {
      try {
        if (await this.#assignLeaders()) return
      } catch (error) {
        if (!(error instanceof ClientError)) throw error
        if (!error.retriable && error.code !== 'closed') this.#options.onError(error)
      }
      const delayMs = Math.min(topicLookupMsMax, backoffMs(this.#options.backoff, attempt, environment.random()))
      await pauseFor(environment, delayMs, signal).catch(() => undefined)
    }
  }

  /** Returns false while a partition has no leader that is known. */
  async #assignLeaders(): Promise<boolean> {
    const assigned = this.#assigned
    const { topics } = await this.#cluster.describe(this.#options.topics)
    const byId = new Map(topics.map((topic) => [topic.id, topic]))
    const byLeader = new Map<number, SharePartition[]>()
    let complete = true
    for (const { topicId, partition } of assigned) {
      const topic = byId.get(topicId)
      const leader = topic?.partitions.find(({ index }) => index === partition)?.leader ?? -1
      if (topic === undefined || leader < 0) {
        complete = false
        continue
      }
      const key = partitionKey({ topicId, partition })
      this.#leaders.set(key, leader)
      const known = byLeader.get(leader)
      const entry = { topicId, topic: topic.name, partition, key }
      if (known === undefined) byLeader.set(leader, [entry])
      else known.push(entry)
    }
    if (this.#stopped.signal.aborted) return true
    for (const [brokerId, session] of this.#sessions) if (!byLeader.has(brokerId)) session.want([])
    for (const [brokerId, partitions] of byLeader) this.#session(brokerId).want(partitions)
    return complete
  }

  #session(brokerId: number): ShareSession {
    const known = this.#sessions.get(brokerId)
    if (known !== undefined) return known
    const session = new ShareSession(this.#cluster, this.#owner(), this.#options.backoff, brokerId)
    this.#sessions.set(brokerId, session)
    return session
  }

  #owner(): SessionOwner {
    const forget = (promise: Promise<void>): void => void promise.catch(() => undefined)
    return {
      group: this.#options.group,
      memberId: this.memberId,
      lane: this.#lane,
      wanted: () => this.#wanted(),
      waitMs: () => (this.#held.size > 0 || this.#waiting.length > 0 ? busyWaitMs : idleWaitMs),
      hasAcknowledgements: (id) => this.#waiting.some((one) => this.#leaders.get(one.key) === id),
      takeAcknowledgements: (brokerId) => this.#takeAcknowledgements(brokerId),
      putBack: (acknowledgements) => this.#putBack(acknowledgements),
      deliver: (deliveries) => this.#deliver(deliveries),
      gap: (partition, first, last) => forget(this.#acknowledge(partition, first, last, 'gap')),
      unreadable: (partition, first, last, error) => {
        this.#options.onError(error)
        // A damaged batch stays damaged; one whose codec is missing here can be read elsewhere.
        const type = error.code === 'unsupported' ? 'release' : 'reject'
        forget(this.#acknowledge(partition, first, last, type, { reason: error.message }))
      },
      metadataStale: () => this.#plan(),
      unknownMember: () => this.#member.rejoin(),
      onError: (error) => this.#options.onError(error),
    }
  }
}

function described({ topic, partition, record }: Delivery): string {
  return `message ${record.offset} of partition ${partition} of "${topic}"`
}

function lockLost(
  range: { type: string; topic: string; partition: number; firstOffset: number },
  cause: unknown,
): ClientError {
  if (cause instanceof ClientError && cause.code === 'closed') return cause
  const { type, topic, partition, firstOffset } = range
  const reason = cause instanceof Error ? cause.message : String(cause)
  const kafkaCode = cause instanceof ClientError ? cause.kafkaCode : 0
  const message = `message ${firstOffset} of partition ${partition} of "${topic}" could not be told as ${type}: ${reason}`
  return new ClientError('lock-lost', message, { cause, kafkaCode })
}
