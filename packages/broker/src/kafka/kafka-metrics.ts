/**
 * What the front-end counts. Called on the hot path: implementations add to a number and return, they never throw.
 * API keys and error codes are Kafka's numbers.
 */
export interface KafkaMetrics {
  connectionOpened(): void
  connectionClosed(): void
  /** A connection was turned away because of a limit. */
  connectionRefused(): void
  /** A whole request arrived; `bytes` without the size field. */
  requestReceived(apiKey: number, bytes: number): void
  /** Its answer went out, or for acks=0 would have; `milliseconds` since it had arrived. */
  requestFinished(apiKey: number, milliseconds: number): void
  /** Bytes handed to the system for sending. */
  bytesSent(bytes: number): void
  /** A request, or one partition of a Produce or Fetch, was answered with an error. */
  errorAnswered(apiKey: number, errorCode: number): void
  /** Records that went to a follower, and that came from a leader, in bytes as they are stored. */
  replicationSent(bytes: number): void
  replicationReceived(bytes: number): void
  /** A connection broke the protocol and was closed. */
  protocolBroken(): void
}

/** Counts nothing. */
export const silentKafkaMetrics: KafkaMetrics = {
  connectionOpened() {},
  connectionClosed() {},
  connectionRefused() {},
  requestReceived() {},
  requestFinished() {},
  bytesSent() {},
  errorAnswered() {},
  replicationSent() {},
  replicationReceived() {},
  protocolBroken() {},
}
