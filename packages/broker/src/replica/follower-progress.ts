import type { ReplicaFetch } from '../topic/partition.ts'

/** How far one follower is, as its leader knows from its fetches. */
export class FollowerProgress {
  /** Durable end of its log; -1 before its first fetch in this term. */
  endOffset = -1
  logStartOffset = -1
  /** Broker epoch of the fetches that count. */
  brokerEpoch = -1
  /** Set by each fetch, cleared when the ISR has been looked at: only who still fetches may join it. */
  hasFetched = false
  /** Monotonic time at which it had everything that the leader had on disk. */
  caughtUpMs: number
  #lastFetchMs = 0
  /** Before the first fetch, nothing can be concluded from one. */
  #leaderEndAtLastFetch = Infinity

  /** A new term gives members of the ISR the benefit of the doubt for the whole lag time. */
  constructor(isInSync: boolean, nowMs: number) {
    this.caughtUpMs = isInSync ? nowMs : -Infinity
  }

  /**
   * Notes a fetch. A follower is caught up if it asks for the leader's end, or now has what the leader had at its last
   * fetch: under a steady load it never has it all (kafka.md §4.1 rule 5).
   *
   * @param leaderEnd end of what the leader gives to followers
   */
  note(fetch: ReplicaFetch, leaderEnd: number, nowMs: number): void {
    if (fetch.fetchOffset >= leaderEnd) this.caughtUpMs = Math.max(this.caughtUpMs, nowMs)
    else if (fetch.fetchOffset >= this.#leaderEndAtLastFetch) {
      this.caughtUpMs = Math.max(this.caughtUpMs, this.#lastFetchMs)
    }
    this.hasFetched = true
    this.endOffset = fetch.fetchOffset
    this.logStartOffset = fetch.logStartOffset
    this.brokerEpoch = fetch.replicaEpoch
    this.#lastFetchMs = nowMs
    this.#leaderEndAtLastFetch = leaderEnd
  }

  isCaughtUp(leaderEnd: number, nowMs: number, lagMsMax: number): boolean {
    return this.endOffset >= leaderEnd || nowMs - this.caughtUpMs <= lagMsMax
  }
}
