import type { ErrorName } from '@polylog/wire'

/** What a session needs of the connection that it is used on. */
export interface Connected {
  /** Calls back once, when the connection is over; returns what takes that back. */
  onClosed(callback: () => void): () => void
}

/** A partition that a member fetches from. */
export interface ShareEntry {
  readonly topicId: string
  readonly index: number
}

/** What one member fetches here, so that each request names changes only (KIP-932). */
export interface ShareSession {
  readonly groupId: string
  readonly memberId: string
  /** In the order in which they are served. */
  readonly entries: Map<string, ShareEntry>
  /** What the next request must carry. */
  nextEpoch: number
  /** The connection that the last request came on. */
  client: Connected
  /** Ends the watch for the end of that connection. */
  unwatch: () => void
}

/** Why a request cannot go on with its session. */
export type SessionFault = Extract<
  ErrorName,
  'SHARE_SESSION_NOT_FOUND' | 'INVALID_SHARE_SESSION_EPOCH' | 'SHARE_SESSION_LIMIT_REACHED' | 'INVALID_REQUEST'
>

export interface SessionLimits {
  /** Sessions of all members together [group.share.max.share.sessions]. */
  readonly sessionCountMax: number
  /** Partitions in all sessions together. */
  readonly entryCountMax: number
}

export const epochInitial = 0
export const epochFinal = -1
const epochMax = 2 ** 31 - 1

export function entryKey({ topicId, index }: ShareEntry): string {
  return `${index}:${topicId}`
}

/**
 * The share sessions of this broker: one per member of a group. A session lives no longer than the connection that it is
 * used on; when that closes, `lost` is told, so that the messages of the member go to others at once.
 */
export class ShareSessions {
  readonly #limits: SessionLimits
  readonly #lost: (groupId: string, memberId: string) => void
  readonly #sessions = new Map<string, ShareSession>()
  #entryCount = 0

  constructor(limits: SessionLimits, lost: (groupId: string, memberId: string) => void) {
    this.#limits = limits
    this.#lost = lost
  }

  get count(): number {
    return this.#sessions.size
  }

  /** Opens a session, in the place of one that the member may have had. */
  open(
    client: Connected,
    groupId: string,
    memberId: string,
    entries: readonly ShareEntry[],
  ): ShareSession | SessionFault {
    const key = sessionKey(groupId, memberId)
    const present = this.#sessions.get(key)
    if (present === undefined && this.#sessions.size >= this.#limits.sessionCountMax)
      return 'SHARE_SESSION_LIMIT_REACHED'
    const byKey = new Map(entries.map((entry) => [entryKey(entry), entry]))
    const countBefore = present?.entries.size ?? 0
    if (this.#entryCount - countBefore + byKey.size > this.#limits.entryCountMax) return 'SHARE_SESSION_LIMIT_REACHED'
    if (present !== undefined) this.remove(present)
    this.#entryCount += byKey.size
    const session: ShareSession = { groupId, memberId, entries: byKey, nextEpoch: 1, client, unwatch: () => undefined }
    this.#sessions.set(key, session)
    this.#watch(session, client)
    return session
  }

  /** The session that a request with this epoch belongs to; with the final one, it is about to end. */
  enter(client: Connected, groupId: string, memberId: string, epoch: number): ShareSession | SessionFault {
    const session = this.#sessions.get(sessionKey(groupId, memberId))
    if (session === undefined) return 'SHARE_SESSION_NOT_FOUND'
    if (epoch !== epochFinal) {
      if (epoch !== session.nextEpoch) return 'INVALID_SHARE_SESSION_EPOCH'
      session.nextEpoch = epoch === epochMax ? 1 : epoch + 1
    }
    if (session.client !== client) this.#watch(session, client)
    return session
  }

  /** Adds and removes partitions. */
  update(
    { entries }: ShareSession,
    added: readonly ShareEntry[],
    forgotten: readonly ShareEntry[],
  ): SessionFault | undefined {
    for (const entry of added) {
      const key = entryKey(entry)
      if (entries.has(key)) continue
      if (this.#entryCount >= this.#limits.entryCountMax) return 'SHARE_SESSION_LIMIT_REACHED'
      entries.set(key, entry)
      this.#entryCount++
    }
    for (const entry of forgotten) if (entries.delete(entryKey(entry))) this.#entryCount--
    return undefined
  }

  /** A partition that has given something goes to the end, so that a busy one does not starve the others. */
  moveToEnd({ entries }: ShareSession, entry: ShareEntry): void {
    const key = entryKey(entry)
    // The session may have forgotten it meanwhile.
    if (!entries.delete(key)) return
    entries.set(key, entry)
  }

  /** Ends a session. */
  remove(session: ShareSession): void {
    session.unwatch()
    const key = sessionKey(session.groupId, session.memberId)
    if (this.#sessions.get(key) !== session) return
    this.#sessions.delete(key)
    this.#entryCount -= session.entries.size
  }

  #watch(session: ShareSession, client: Connected): void {
    session.unwatch()
    session.client = client
    session.unwatch = client.onClosed(() => {
      this.remove(session)
      this.#lost(session.groupId, session.memberId)
    })
  }
}

/** A length in front, as both names may hold any character. */
function sessionKey(groupId: string, memberId: string): string {
  return `${groupId.length}:${groupId}${memberId}`
}
