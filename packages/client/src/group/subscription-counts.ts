/** What a member of a consumer group has done since it was started, and what it has before it. */
export interface SubscriptionCounts {
  received: number
  /** Their handler succeeded. */
  handled: number
  /** Calls of the handler that failed and were, or are to be, made again. */
  retried: number
  /** Given up: they are in the dead-letter topic, or were left. */
  failed: number
  /** Taken as done because a message of their id was handled within the window of `deduplication`. */
  repeated: number
  /** At the moment: their handler runs, or waits for its next attempt. */
  inProgress: number
  /** At the moment, as brokers have said last: messages in its partitions that are not done, those in progress included. */
  lag: number
}
