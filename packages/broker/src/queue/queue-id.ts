/** One group on one partition of a topic: what has a queue of its own. */
export interface QueueId {
  readonly groupId: string
  /** 22 characters, base64url of a UUID. */
  readonly topicId: string
  /** Index of the partition. */
  readonly index: number
}

/** Kafka's key of a share partition (`groupId:topicId:partition`), which also decides where its state is kept. */
export function queueKey({ groupId, topicId, index }: QueueId): string {
  return `${groupId}:${topicId}:${index}`
}
