import type { FramePool } from '../../host/frame-memory.ts'
import type { KafkaMetrics } from '../kafka-metrics.ts'
import type { DialParts } from './dial-peer.ts'

export interface KafkaPeersOptions extends Omit<DialParts, 'shared'> {
  /** Of this broker. */
  readonly brokerId: number
  /** How much later than asked for an answer may come. */
  readonly answerGraceMs: number
  /** Largest batch there may be: a leader sends the first one whole, however little was asked for. */
  readonly batchBytesMax: number
  /** Memory for large answers. */
  readonly pool: FramePool
  readonly metrics: Pick<KafkaMetrics, 'replicationReceived'>
}
