import type { Acknowledged } from '../../system/kill/history.ts'
import type { Gaps } from './gaps.ts'

/** Something that writes until it is stopped, and remembers what was acknowledged and when. */
export interface Writer {
  /** Which client it is. */
  readonly kind: 'kafkajs' | 'librdkafka'
  readonly acknowledged: readonly Acknowledged[]
  /** Errors that the client gave to the program, after its own retries. */
  readonly errors: readonly string[]
  readonly gaps: Gaps
  /** Resolves when the send under way has ended. */
  stop(): Promise<void>
}
