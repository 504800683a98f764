import type { Cluster } from './cluster.ts'
import type { Environment } from './environment.ts'
import type { MessageProducer } from './producer/message-producer.ts'
import type { Tracing } from './telemetry/tracing.ts'
import type { Backoff } from './waiting.ts'

/** What the handles of a client need of it. */
export interface ClientContext {
  readonly cluster: Cluster
  readonly environment: Environment
  readonly backoff: Backoff
  readonly closeTimeoutMs: number
  /** Undefined: nobody wants to know. */
  readonly tracing: Tracing | undefined
  /** The client's own producer, for answers, requests and dead letters. It is closed after all consumers. */
  producer(): MessageProducer
}
