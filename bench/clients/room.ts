/** What the members of a share group may hold together of one partition, by Kafka's default and Polylog's. */
const lockCountMax = 2000
const roomMax = 1000

/** Messages that one of so many consumers of a queue fetches ahead. */
export function roomOf(consumers: number): number {
  return Math.max(1, Math.min(roomMax, Math.floor(lockCountMax / consumers)))
}
