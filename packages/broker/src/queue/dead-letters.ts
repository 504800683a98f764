import type { DeadReason } from './change.ts'
import type { QueueId } from './queue-id.ts'
import type { Partition } from '../topic/partition.ts'

/** Messages that a group gives up. */
export interface DeadSpan {
  readonly first: number
  readonly last: number
  readonly reason: DeadReason
  readonly deliveryCount: number
}

/** Where messages go that a group has given up. */
export interface DeadLetters {
  /**
   * Copies the messages of a span to the dead-letter topic. Resolves once they are committed there.
   * @returns how many there were. Rejects with BrokerError; some may have been written then
   */
  write(topicName: string, from: Partition, id: QueueId, span: DeadSpan): Promise<number>
}
