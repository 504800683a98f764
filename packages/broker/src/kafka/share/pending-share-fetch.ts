import type { ErrorCode } from '../../errors/errors.ts'
import { BrokerError } from '../../errors/errors.ts'
import type { Timer } from '../../host/clock.ts'
import type { Acquired } from '../../queue/queue-manager.ts'
import type { AcquireMode } from '../../queue/queue-messages.ts'
import { mayGroup } from '../permission.ts'
import type { RequestContext } from '../request-context.ts'
import { describeFailure } from '../serve.ts'
import { ShareAnswer } from './share-answer.ts'
import type { AcknowledgeResult } from './share-answer.ts'
import { entryFault } from './share-partition.ts'
import type { ShareEntry, ShareSession } from './share-sessions.ts'

/** What a request allows and wants. */
export interface ShareFetchTerms {
  readonly waitMsMax: number
  readonly recordsMax: number
  readonly bytesMax: number
  /** Whether the answer names all partitions, as the first one of a session does. */
  readonly isFull: boolean
  /** False: answer at once with what there is. */
  readonly mayWait: boolean
  readonly mode: AcquireMode
  /** Offsets in one range of the answer; 0: any number. */
  readonly batchSize: number
}

/** Errors that clients expect of a fetch; any other would be a broken protocol to them. */
const told: ReadonlySet<ErrorCode> = new Set([
  'not-leader',
  'unknown-topic',
  'unknown-topic-id',
  'topic-not-authorized',
  'fenced-leader-epoch',
  'storage',
  'corrupt-batch',
])

/**
 * A ShareFetch request that is being served: acquires what there is, partition by partition; if that is nothing, waits
 * until there may be something or the time is up. The acknowledgements that came with it go on beside it, and the answer
 * waits for them.
 */
export class PendingShareFetch {
  readonly #context: RequestContext
  readonly #session: ShareSession
  readonly #terms: ShareFetchTerms
  readonly #acknowledged: Promise<readonly AcknowledgeResult[]>
  readonly #answer: ShareAnswer
  /** Results whose memory the answer refers to. */
  readonly #held: { readonly entry: ShareEntry; readonly acquired: Acquired }[] = []
  #recordCount = 0
  #bytes = 0
  #hasErrors = false
  #timer: Timer | undefined
  #forget: (() => void)[] = []
  #isWaiting = false
  /** Partitions in which something may have come since all were last asked. */
  readonly #news = new Set<ShareEntry>()
  #checkPending = false
  #isOver = false
  #isCancelled = false

  constructor(
    context: RequestContext,
    session: ShareSession,
    terms: ShareFetchTerms,
    acknowledged: Promise<readonly AcknowledgeResult[]>,
  ) {
    this.#context = context
    this.#session = session
    this.#terms = terms
    this.#acknowledged = acknowledged
    this.#answer = new ShareAnswer(context)
  }

  start(): void {
    const { mayWait, waitMsMax } = this.#terms
    const { clock } = this.#context.services.host
    this.#context.park((reason) => this.#interrupt(reason === 'closed'))
    if (mayWait && waitMsMax > 0) this.#timer = clock.startTimer(waitMsMax, () => this.#stopWaiting())
    else this.#isOver = true
    void this.#acquireAll()
  }

  /** Acquires once from each partition; runs again each time that something may have come. */
  async #acquireAll(): Promise<void> {
    this.#news.clear()
    // A copy: partitions that have given something change their place.
    const entries = Array.from(this.#session.entries.values())
    try {
      for (const entry of entries) {
        if (this.#isFull || this.#isCancelled) break
        const fault = entryFault(entry, this.#context)
        if (fault !== undefined) this.#refuse(entry, fault)
        else if (!this.#hasNothing(entry)) await this.#acquire(entry)
      }
      if (this.#isCancelled) this.#giveBack()
      else if (this.#isOver || this.#hasErrors || this.#recordCount > 0) await this.#finish()
      else this.#wait()
    } catch (error) {
      this.#drop()
      this.#context.abort(describeFailure(error, this.#context).message)
    }
  }

  get #isFull(): boolean {
    const { recordsMax, bytesMax } = this.#terms
    return this.#recordCount >= recordsMax || (this.#bytes >= bytesMax && this.#recordCount > 0)
  }

  async #acquire(entry: ShareEntry): Promise<void> {
    const { services } = this.#context
    const { groupId, memberId } = this.#session
    const { recordsMax, bytesMax, mode } = this.#terms
    const request = {
      groupId,
      memberId,
      topicId: entry.topicId,
      index: entry.index,
      recordsMax: recordsMax - this.#recordCount,
      bytesMax: Math.max(0, bytesMax - this.#bytes),
      // The first batch is returned however large, so that a member with small limits gets on.
      atLeastOne: this.#recordCount === 0,
      mode,
    }
    try {
      const acquiring = services.queues.acquire(request)
      this.#take(entry, acquiring instanceof Promise ? await acquiring : acquiring)
    } catch (error) {
      if (!(error instanceof BrokerError)) throw error
      if (told.has(error.code)) return this.#refuse(entry, error.code)
      // It passes: the partition has nothing to give for now.
      services.logger.debug('share partition not ready', { groupId, ...entry, error: error.message })
    }
  }

  #hasNothing({ topicId, index }: ShareEntry): boolean {
    return this.#context.services.queues.hasNothing({ groupId: this.#session.groupId, topicId, index })
  }

  #take(entry: ShareEntry, acquired: Acquired): void {
    if (acquired.recordCount === 0) return acquired.release()
    this.#held.push({ entry, acquired })
    this.#recordCount += acquired.recordCount
    this.#bytes += acquired.bytes
    this.#answer.addRecords(entry, acquired, this.#terms.batchSize)
    this.#context.services.shareSessions.moveToEnd(this.#session, entry)
  }

  #refuse(entry: ShareEntry, error: ErrorCode): void {
    this.#hasErrors = true
    this.#answer.addError(entry, error)
  }

  #wait(): void {
    this.#isWaiting = true
    if (this.#forget.length === 0) {
      const { queues } = this.#context.services
      const { groupId, entries } = this.#session
      for (const entry of entries.values()) {
        const id = { groupId, ...entry }
        this.#forget.push(queues.onAvailable(id, () => this.#mayHaveCome(entry)))
        // What came while partitions were asked one after the other was told to nobody.
        if (queues.isAvailable(id)) this.#news.add(entry)
      }
    }
    if (this.#news.size > 0) this.#lookAgain()
  }

  #mayHaveCome(entry: ShareEntry): void {
    this.#news.add(entry)
    this.#lookAgain()
  }

  /** Many partitions may advance in one turn; asking them once at its end is enough and fills the answer better. */
  #lookAgain(): void {
    if (this.#checkPending || !this.#isWaiting) return
    this.#checkPending = true
    this.#context.services.host.clock.endOfTurn(() => {
      this.#checkPending = false
      if (!this.#isWaiting) return
      // The rules may have changed while it waited.
      const mayGoOn = mayGroup(this.#context, 'read', this.#session.groupId)
      // All members of the group hear of the same news, and mostly another one has taken all there was.
      for (const entry of this.#news) if (this.#hasNothing(entry)) this.#news.delete(entry)
      if (mayGoOn && this.#news.size === 0) return
      this.#isWaiting = false
      if (mayGoOn) void this.#acquireAll()
      else this.#end()
    })
  }

  /** The time is up: answers with nothing, or with what is being acquired at this moment. */
  #stopWaiting(): void {
    this.#isOver = true
    if (!this.#isWaiting) return
    this.#isWaiting = false
    this.#end()
  }

  #end(): void {
    this.#finish().catch((error: unknown) => {
      this.#context.abort(describeFailure(error, this.#context).message)
    })
  }

  /** Nobody waits for the answer any more, or the broker wants to stop. */
  #interrupt(isClosed: boolean): void {
    if (!isClosed) return this.#stopWaiting()
    this.#isCancelled = true
    const isIdle = this.#isWaiting
    this.#isWaiting = false
    if (isIdle) this.#drop()
  }

  /** What was acquired while the connection ended would stay locked for nobody: the session had gone before. */
  #giveBack(): void {
    const { queues, logger } = this.#context.services
    const { groupId, memberId } = this.#session
    for (const { entry, acquired } of this.#held) {
      const acknowledgements = acquired.ranges.map(({ firstOffset, lastOffset }) => {
        return { firstOffset, lastOffset, types: ['release' as const], retryDelayMs: 0 }
      })
      queues.acknowledge({ groupId, ...entry }, memberId, acknowledgements).catch((error: unknown) => {
        logger.debug('messages stay locked for a member that is gone', { groupId, ...entry, error: String(error) })
      })
    }
    this.#drop()
  }

  async #finish(): Promise<void> {
    this.#unlisten()
    for (const result of await this.#acknowledged) this.#answer.addAcknowledged(result)
    if (this.#terms.isFull) for (const entry of this.#session.entries.values()) this.#answer.mention(entry)
    const { services } = this.#context
    const { lockDurationMs } = services.queues.config(this.#session.groupId)
    this.#context.answer(this.#answer.fetched(lockDurationMs), () => this.#release(), this.#bytes)
  }

  #drop(): void {
    this.#unlisten()
    this.#release()
  }

  #unlisten(): void {
    this.#timer?.cancel()
    for (const forget of this.#forget) forget()
    this.#forget = []
  }

  #release(): void {
    for (const { acquired } of this.#held) acquired.release()
    this.#held.length = 0
  }
}
