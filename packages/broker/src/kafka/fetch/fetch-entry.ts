/** One partition that a client fetches, as its request or its session has it. */
export interface FetchEntry {
  /** Empty from version 13 on, where `topicId` names the topic. */
  readonly topic: string
  readonly topicId: string
  readonly index: number
  fetchOffset: number
  /** -1: the client does not say. */
  currentLeaderEpoch: number
  lastFetchedEpoch: number
  /** Of the fetcher's log, if it is a follower. */
  logStartOffset: number
  bytesMax: number
  /** What the client of a session was told last, or says that it knows; -1 makes sure that it is told again. */
  toldHighWatermark: number
  toldLogStartOffset: number
}

export function entryKey(topic: string, topicId: string, index: number): string {
  // A topic name holds no colon, and of the two only one is in use.
  return topic === '' ? `${index}:${topicId}` : `${index}:${topic}`
}
