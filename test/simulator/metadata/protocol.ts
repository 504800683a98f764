import type { MetadataErrorKind } from '../../../packages/broker/src/cluster/metadata-error.ts'
import type { WatchEvent } from '../../../packages/broker/src/cluster/metadata-store.ts'

/** What a broker asks the metadata machine. */
export type Ask =
  | { id: number; call: 'get' | 'range' | 'transaction' | 'grantLease' | 'keepAlive' | 'revokeLease'; args: unknown[] }
  | { id: number; call: 'watch'; prefix: string; fromRevision: number }
  | { id: number; call: 'cancel' }

/** What it answers; changes of a watch carry the id of the watch. */
export type Answer =
  | { id: number; value: unknown }
  | { id: number; error: MetadataErrorKind; message: string }
  | { id: number; changes: { revision: number; events: readonly WatchEvent[] } }
  | { id: number; compacted: number }

export const metadataPort = 2379
