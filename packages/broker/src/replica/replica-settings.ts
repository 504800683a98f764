/** What replication may use, as numbers; the composition takes them from the broker's settings. */
export interface ReplicaSettings {
  /** `replica.lag.time.max.ms`: a follower that has been behind for longer leaves the ISR. */
  readonly lagMsMax: number
  /** `replica.fetch.max.bytes` */
  readonly partitionBytesMax: number
  /** `replica.fetch.response.max.bytes` */
  readonly answerBytesMax: number
  /** `replica.fetch.wait.max.ms` */
  readonly waitMsMax: number
  /** `replica.fetch.backoff.ms` */
  readonly backoffMs: number
  /** `replica.catch.up.bytes.per.second`: for replicas that are not in sync, from each other broker; -1: no limit. */
  readonly catchUpBytesPerSecond: number
}
