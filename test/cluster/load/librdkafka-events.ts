import type { Acknowledged, Read } from '../../system/kill/history.ts'

/** What the process with librdkafka tells. */
export type LibrdkafkaEvent =
  | { readonly kind: 'acknowledged'; readonly lane: number; readonly records: readonly Acknowledged[] }
  | { readonly kind: 'failed'; readonly lane: number; readonly error: string }
  | { readonly kind: 'read'; readonly records: readonly Read[] }
  | { readonly kind: 'committed'; readonly partition: number; readonly offset: number }
  | { readonly kind: 'read-failed'; readonly error: string }
  | { readonly kind: 'writers-stopped' }
  | { readonly kind: 'reader-stopped' }

/** What it is told to do; it is started with everything else. */
export type LibrdkafkaOrder = 'stop-writers' | 'stop-reader'

export interface LibrdkafkaSettings {
  readonly module: string
  readonly addresses: string
  readonly topic: string
  readonly groupId: string
  readonly laneCount: number
}
