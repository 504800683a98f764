import { BrokerError } from '../../errors/errors.ts'
import type { Scheduler } from '../../host/simulated/scheduler.ts'
import type { LiveBroker } from '../../image/records.ts'
import type { PeerFetchedPartition, PeerFetchPartition, PeerFetchRequest, Peers, PeerSession } from '../peers.ts'
import type { Replica } from '../replica.ts'

/** What stands between two brokers: whether a message gets through, and how long it takes. */
export interface Wire {
  isCut(source: number, target: number): boolean
  delayMs(): number
}

/** Finds the replica that a broker leads at present. */
export type FindReplica = (brokerId: number, topicId: string, index: number) => Replica | undefined

const timeoutMs = 2000

/** The wait of a session's request at the leader, while there is one. */
interface Poll {
  end: (() => void) | undefined
}

/** Peers that ask the leader's replica directly, over wires that may be slow or cut. Does what the Fetch handler does. */
export class DirectPeers implements Peers {
  readonly #scheduler: Scheduler
  readonly #self: number
  readonly #wire: Wire
  readonly #find: FindReplica

  constructor(scheduler: Scheduler, self: number, wire: Wire, find: FindReplica) {
    this.#scheduler = scheduler
    this.#self = self
    this.#wire = wire
    this.#find = find
  }

  session(broker: LiveBroker): PeerSession {
    const known = new Map<string, PeerFetchPartition>()
    let isClosed = false
    const poll: Poll = { end: undefined }
    return {
      fetch: async (request) => {
        if (isClosed) throw new BrokerError('timed-out', 'the session was closed')
        if (known.size === 0) for (const one of request.all()) known.set(`${one.topicId}:${one.index}`, one)
        for (const { topicId, index } of request.removed) known.delete(`${topicId}:${index}`)
        for (const one of request.changed) known.set(`${one.topicId}:${one.index}`, one)
        try {
          const partitions = await this.#exchange(broker.id, request, [...known.values()], poll)
          return { partitions, memory: undefined }
        } catch (error) {
          known.clear()
          throw error
        }
      },
      nudge: () => poll.end?.(),
      close: () => {
        isClosed = true
      },
    }
  }

  async #exchange(
    target: number,
    request: PeerFetchRequest,
    asked: readonly PeerFetchPartition[],
    poll: Poll,
  ): Promise<readonly PeerFetchedPartition[]> {
    await this.#travel(this.#self, target)
    let answers = await this.#answer(target, request, asked)
    if (answers.length === 0) {
      await this.#news(target, asked, request.waitMsMax, poll)
      answers = await this.#answer(target, request, asked)
    }
    await this.#travel(target, this.#self)
    return answers
  }

  /** Resolves when the leader has something new for one of the partitions, or the time is over. */
  #news(target: number, asked: readonly PeerFetchPartition[], waitMsMax: number, poll: Poll): Promise<void> {
    return new Promise((resolve) => {
      const stops: (() => void)[] = []
      const timer = this.#scheduler.schedule(waitMsMax, 'long poll', () => end())
      const end = (): void => {
        timer.cancel()
        poll.end = undefined
        for (const stop of stops) stop()
        resolve()
      }
      poll.end = end
      for (const { topicId, index } of asked) {
        const replica = this.#find(target, topicId, index)
        if (replica) stops.push(replica.onReplicaAdvance(end))
      }
    })
  }

  async #travel(source: number, target: number): Promise<void> {
    const isCut = this.#wire.isCut(source, target)
    await new Promise<void>((resolve) => {
      this.#scheduler.schedule(isCut ? timeoutMs : this.#wire.delayMs(), 'peer message', resolve)
    })
    if (isCut) throw new BrokerError('timed-out', `${source} does not reach ${target}`)
  }

  async #answer(
    target: number,
    request: PeerFetchRequest,
    asked: readonly PeerFetchPartition[],
  ): Promise<PeerFetchedPartition[]> {
    const answers: PeerFetchedPartition[] = []
    for (const one of asked) {
      const answer = await this.#answerOne(target, request, one)
      if (answer) answers.push(answer)
    }
    return answers
  }

  async #answerOne(
    target: number,
    { replicaId, replicaEpoch }: PeerFetchRequest,
    asked: PeerFetchPartition,
  ): Promise<PeerFetchedPartition | undefined> {
    const { topicId, index, fetchOffset, logStartOffset, bytesMax } = asked
    const none = {
      topicId,
      index,
      diverging: undefined,
      highWatermark: -1,
      logStartOffset: -1,
      records: new Uint8Array(0),
    }
    const replica = this.#find(target, topicId, index)
    if (replica === undefined) return { ...none, error: 'not-leader' }
    if (replica.leaderEpoch !== asked.currentLeaderEpoch) {
      const isOld = asked.currentLeaderEpoch < replica.leaderEpoch
      return { ...none, error: isOld ? 'fenced-leader-epoch' : 'unknown-leader-epoch' }
    }
    const fault = replica.noteFetch({
      replicaId,
      replicaEpoch,
      fetchOffset,
      logStartOffset,
      currentLeaderEpoch: asked.currentLeaderEpoch,
      lastFetchedEpoch: asked.lastFetchedEpoch,
    })
    if (fault) return { ...none, error: fault }
    const facts = {
      ...none,
      highWatermark: replica.highWatermark,
      logStartOffset: replica.logStartOffset,
      error: undefined,
    }
    if (asked.lastFetchedEpoch >= 0) {
      const end = replica.endOfEpoch(asked.lastFetchedEpoch)
      const isLost = Math.max(end.endOffset, fetchOffset) >= replica.logEndOffset
      if (replica.missingRecords !== undefined && isLost) return { ...facts, error: 'storage' }
      if (end.leaderEpoch < asked.lastFetchedEpoch || end.endOffset < fetchOffset) {
        return { ...facts, diverging: { epoch: end.leaderEpoch, endOffset: end.endOffset } }
      }
    }
    try {
      const read = await replica.readForReplica({ offset: fetchOffset, bytesMax, atLeastOne: true })
      const records = Buffer.concat(read.chunks)
      read.release()
      const hasNews = replica.highWatermark !== asked.highWatermark || replica.logStartOffset > logStartOffset
      if (records.length === 0 && !hasNews) return undefined
      return { ...facts, highWatermark: replica.highWatermark, records }
    } catch (error) {
      if (error instanceof BrokerError) return { ...facts, error: error.code }
      throw error
    }
  }
}
