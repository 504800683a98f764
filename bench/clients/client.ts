import type { Address } from '../load/job.ts'

/** Who drives a broker: a library, or `lean`, which writes Kafka's frames itself and knows no more than it must. */
export type ClientName = 'sdk' | 'lean' | 'rabbitmq' | 'bullmq' | 'kafkajs' | 'platformatic'

/** What a process of clients is asked to do, sent to it as one message. */
export interface ClientJob {
  readonly client: ClientName
  readonly address: Address
  /** Topic, or name of the queue. */
  readonly queue: string
  /** Share or consumer group, where there are groups. */
  readonly group: string
  /** `queue`: each message is taken by one consumer and acknowledged. `log`: partitions are read by a consumer group. */
  readonly mode: 'queue' | 'log'
  readonly valueBytes: number
  readonly consumers: number
  /** Messages of the producer that may be sent and not confirmed. */
  readonly inFlightMax: number
  /** Messages that may be sent and not yet accepted by a consumer; absent: nobody consumes. */
  readonly backlogMax?: number
  /** Open loop: so many messages per second, sent on schedule. */
  readonly messagesPerSecond?: number
  /** However far an open loop is behind, it goes on. */
  readonly mayFallBehind?: boolean
  /** The server's processes, to read their CPU time at both edges of the window. */
  readonly pids: readonly number[]
}

/** Sends messages. */
export interface Sender {
  /** Sends messages that carry `sentAtMs`; resolves when the server has confirmed all of them. */
  send(count: number, sentAtMs: number): Promise<void>
  close(): Promise<void>
}

/** Consumers that take messages. */
export interface Receivers {
  /** Messages that were handled and acknowledged; where acknowledgements are confirmed, those that are. */
  readonly acceptedCount: number
  close(): Promise<void>
}

export interface ReceiverEvents {
  /** The handler of one message, which carries when it was sent. */
  readonly delivered: (sentAtMs: number) => void
  readonly failed: (error: unknown) => void
}

/** How one client sends and receives. */
export interface MessageClient {
  openSender(job: ClientJob): Promise<Sender>
  /** Resolves when all consumers would get messages. */
  openReceivers(job: ClientJob, events: ReceiverEvents): Promise<Receivers>
}
