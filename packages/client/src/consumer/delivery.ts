import type { ReceivedRecord } from '../records/record.ts'

/** Kafka's numbers of what a member says of a message (KIP-932, KIP-1222). */
export const acknowledgeTypes = { gap: 0, accept: 1, release: 2, reject: 3, renew: 4 } as const
export type AcknowledgeType = keyof typeof acknowledgeTypes

/** A partition of a share group's member. */
export interface SharePartition {
  readonly topicId: string
  readonly topic: string
  readonly partition: number
  /** What `partitionKey` makes of it: needed several times for each message. */
  readonly key: string
}

/** A record that the group has lent to this member. */
export interface Delivery extends SharePartition {
  readonly record: ReceivedRecord
  /** 1 for the first. */
  readonly deliveryCount: number
  /** When the loan ends unless it is renewed, on the monotonic clock. */
  lockedUntilMs: number
  /** Told once if the loan has ended without this member's doing. */
  onLost: (() => void) | undefined
}

/** What is to be told of a range of records of a partition, and who waits for the answer. */
export interface Acknowledgement extends SharePartition {
  readonly firstOffset: number
  /** Inclusive. */
  readonly lastOffset: number
  readonly type: AcknowledgeType
  /** Pause before the next delivery; -1 leaves it to the group. */
  readonly retryDelayMs: number
  /** What the dead letter of a rejected message says; empty: that it was rejected. */
  readonly rejectReason: string
  attempts: number
  resolve(): void
  reject(error: unknown): void
}

export function partitionKey({ topicId, partition }: { topicId: string; partition: number }): string {
  return `${topicId}/${partition}`
}

/** A range in the form of the request. */
export interface AcknowledgementBatch {
  firstOffset: number
  lastOffset: number
  acknowledgeTypes: number[]
  retryDelayMs: number
  rejectReason: string
}

/** Ranges of equal content that touch become one. The broker wants them in order. */
export function batchesOf(acknowledgements: readonly Acknowledgement[]): AcknowledgementBatch[] {
  const batches: AcknowledgementBatch[] = []
  for (const { firstOffset, lastOffset, type, retryDelayMs, rejectReason } of acknowledgements.toSorted(
    (a, b) => a.firstOffset - b.firstOffset,
  )) {
    const batch = { firstOffset, lastOffset, acknowledgeTypes: [acknowledgeTypes[type]], retryDelayMs, rejectReason }
    const last = batches.at(-1)
    if (last !== undefined && last.lastOffset + 1 === firstOffset && saysTheSame(last, batch))
      last.lastOffset = lastOffset
    else batches.push(batch)
  }
  return batches
}

function saysTheSame(a: AcknowledgementBatch, b: AcknowledgementBatch): boolean {
  const isSameType = a.acknowledgeTypes[0] === b.acknowledgeTypes[0]
  return isSameType && a.retryDelayMs === b.retryDelayMs && a.rejectReason === b.rejectReason
}

/** Brokers refuse more, and have no more in the dead letters that they write themselves. */
const rejectReasonBytesMax = 256

/** A reason that is not too long, cut between two characters. */
export function boundedReason(reason: string): string {
  // A character takes three bytes at most, or two of them four: nearly all reasons are so short, and most are empty.
  if (reason.length * 3 <= rejectReasonBytesMax) return reason
  const bytes = Buffer.from(reason)
  // As in the middle of a stream: what is left of the last character is kept for later, which never comes.
  return new TextDecoder().decode(bytes.subarray(0, rejectReasonBytesMax), { stream: true })
}
