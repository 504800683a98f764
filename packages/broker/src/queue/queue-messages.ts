/**
 * How many messages an acquisition may take (KIP-1206): whole batches until there are enough, or never more than was
 * asked for.
 */
export type AcquireMode = 'batch-optimized' | 'record-limit'

/** Messages that follow each other, delivered for the same time. */
export interface AcquiredRange {
  readonly firstOffset: number
  readonly lastOffset: number
  /** Of this delivery: 1 for the first. */
  readonly deliveryCount: number
}

/**
 * What a member says of a message: `accept` it is done; `release` try again, maybe elsewhere; `reject` give it up; `renew`
 * still at work, the lock starts anew; `gap` there is no such record in the batch.
 */
export type AcknowledgeType = 'accept' | 'release' | 'reject' | 'renew' | 'gap'

export interface Acknowledgement {
  readonly firstOffset: number
  readonly lastOffset: number
  /** One for all, or one per offset. */
  readonly types: readonly AcknowledgeType[]
  /** For `release`: pause before the next delivery in place of the group's back-off; undefined takes that. */
  readonly retryDelayMs?: number | undefined
  /** For `reject`: what the dead letter gives as the reason; undefined: that it was rejected. */
  readonly rejectReason?: string | undefined
}
