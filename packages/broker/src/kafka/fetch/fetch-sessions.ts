import type { FetchRequest, Infer } from '@polylog/wire'
import { errorCodes, int64Max } from '@polylog/wire'
import type { Host } from '../../host/host.ts'
import { kafkaLimits } from '../kafka-config.ts'
import type { FetchEntry } from './fetch-entry.ts'
import { entryKey } from './fetch-entry.ts'
import type { SessionWatch } from './session-watch.ts'

type Request = Infer<typeof FetchRequest>

/** The partitions of a client that names only the changes in each request (KIP-227). */
export interface FetchSession {
  readonly id: number
  /** Whether it was opened with topic ids (version 13+) or names; it cannot change between them. */
  readonly hasTopicIds: boolean
  /** In the order in which they are served. */
  readonly entries: Map<string, FetchEntry>
  nextEpoch: number
  lastUsedMs: number
  /** Of a follower's session. */
  watch: SessionWatch | undefined
}

/** What one Fetch request is about. */
export interface FetchScope {
  /** Anything but 0 refuses the request as a whole. */
  readonly errorCode: number
  /** All partitions, in the order in which they are served; the work of listing them is done at each call. */
  entries(): readonly FetchEntry[]
  /** The session that the answer belongs to. */
  readonly session: FetchSession | undefined
  /** True if the client knows the rest, so that only partitions with news are answered. */
  readonly isIncremental: boolean
}

const epochFull = 0
const epochFinal = -1
const epochMax = 2147483647
const topicIdsSince = 13

/**
 * The sessions of all clients. Their number, and that of their partitions, is bounded: a client that finds no room gets
 * session id 0 and goes on with full requests. A session not used for a while makes way.
 */
export class FetchSessions {
  private readonly host: Host
  private readonly sessionCountMax: number
  private readonly entryCountMax: number
  /** Least recently used first. */
  private readonly sessions = new Map<number, FetchSession>()
  private entryCount = 0

  constructor(host: Host, sessionCountMax: number, entryCountMax: number) {
    this.host = host
    this.sessionCountMax = sessionCountMax
    this.entryCountMax = entryCountMax
  }

  get size(): number {
    return this.sessions.size
  }

  /** Finds, opens or closes the session that the request asks for, and applies its changes. */
  enter(request: Request, apiVersion: number): FetchScope {
    const { sessionId, sessionEpoch } = request
    if (sessionEpoch !== epochFull && sessionEpoch !== epochFinal) return this.continueSession(request, apiVersion)
    if (sessionId !== 0) this.remove(sessionId)
    const entries = entriesOf(request)
    const session = sessionEpoch === epochFull ? this.open(entries, apiVersion >= topicIdsSince) : undefined
    return { errorCode: 0, entries: () => entries, session, isIncremental: false }
  }

  private continueSession(request: Request, apiVersion: number): FetchScope {
    const session = this.sessions.get(request.sessionId)
    if (session === undefined) return refused(errorCodes.FETCH_SESSION_ID_NOT_FOUND.code)
    if (session.nextEpoch !== request.sessionEpoch) return refused(errorCodes.INVALID_FETCH_SESSION_EPOCH.code)
    if (session.hasTopicIds !== apiVersion >= topicIdsSince)
      return refused(errorCodes.FETCH_SESSION_TOPIC_ID_ERROR.code)
    session.nextEpoch = session.nextEpoch === epochMax ? 1 : session.nextEpoch + 1
    this.touch(session)
    this.applyChanges(session, request)
    const entries = (): readonly FetchEntry[] => [...session.entries.values()]
    if (session.entries.size > 0) return { errorCode: 0, entries, session, isIncremental: true }
    this.remove(session.id)
    return { errorCode: 0, entries, session: undefined, isIncremental: false }
  }

  private applyChanges(session: FetchSession, request: Request): void {
    const countBefore = session.entries.size
    for (const { topic, topicId, partitions } of request.forgottenTopicsData) {
      for (const index of partitions) forgetEntry(session, entryKey(topic, topicId, index))
    }
    for (const entry of entriesOf(request)) {
      const key = entryKey(entry.topic, entry.topicId, entry.index)
      const known = session.entries.get(key)
      session.watch?.news.add(known ?? entry)
      if (known === undefined) session.entries.set(key, entry)
      else {
        known.fetchOffset = entry.fetchOffset
        known.currentLeaderEpoch = entry.currentLeaderEpoch
        known.lastFetchedEpoch = entry.lastFetchedEpoch
        known.logStartOffset = entry.logStartOffset
        if (entry.toldHighWatermark >= 0) known.toldHighWatermark = entry.toldHighWatermark
        known.bytesMax = entry.bytesMax
      }
    }
    this.entryCount += session.entries.size - countBefore
  }

  private open(entries: readonly FetchEntry[], hasTopicIds: boolean): FetchSession | undefined {
    if (entries.length === 0 || !this.makeRoom(entries.length)) return undefined
    const session: FetchSession = {
      id: this.newId(),
      hasTopicIds,
      entries: new Map(entries.map((entry) => [entryKey(entry.topic, entry.topicId, entry.index), entry])),
      nextEpoch: 1,
      lastUsedMs: this.host.clock.monotonicMs(),
      watch: undefined,
    }
    this.sessions.set(session.id, session)
    this.entryCount += session.entries.size
    return session
  }

  private makeRoom(entryCount: number): boolean {
    const idleSinceMs = this.host.clock.monotonicMs() - kafkaLimits.fetchSessionIdleMs
    for (const session of this.sessions.values()) {
      if (this.sessions.size < this.sessionCountMax && this.entryCount + entryCount <= this.entryCountMax) break
      if (session.lastUsedMs > idleSinceMs) return false
      this.remove(session.id)
    }
    return this.sessions.size < this.sessionCountMax && this.entryCount + entryCount <= this.entryCountMax
  }

  private touch(session: FetchSession): void {
    session.lastUsedMs = this.host.clock.monotonicMs()
    this.sessions.delete(session.id)
    this.sessions.set(session.id, session)
  }

  /** Forgets a session; harmless if it is not known. */
  remove(id: number): void {
    const session = this.sessions.get(id)
    if (session === undefined) return
    session.watch?.close()
    this.sessions.delete(id)
    this.entryCount -= session.entries.size
  }

  private newId(): number {
    for (;;) {
      const id = 1 + Math.floor(this.host.random.next() * (epochMax - 1))
      if (!this.sessions.has(id)) return id
    }
  }
}

function forgetEntry(session: FetchSession, key: string): void {
  const entry = session.entries.get(key)
  if (entry === undefined) return
  session.entries.delete(key)
  session.watch?.forget(entry)
}

function refused(errorCode: number): FetchScope {
  return { errorCode, entries: () => [], session: undefined, isIncremental: false }
}

function entriesOf(request: Request): FetchEntry[] {
  const entries: FetchEntry[] = []
  for (const { topic, topicId, partitions } of request.topics) {
    for (const asked of partitions) {
      entries.push({
        topic,
        topicId,
        index: asked.partition,
        fetchOffset: asked.fetchOffset,
        currentLeaderEpoch: asked.currentLeaderEpoch,
        lastFetchedEpoch: asked.lastFetchedEpoch,
        logStartOffset: asked.logStartOffset,
        bytesMax: asked.partitionMaxBytes,
        // A fetcher that takes part in KIP-1166 says what it knows; the largest int64 stands for one that does not.
        toldHighWatermark: asked.highWatermark === int64Max ? -1 : asked.highWatermark,
        toldLogStartOffset: -1,
      })
    }
  }
  return entries
}
