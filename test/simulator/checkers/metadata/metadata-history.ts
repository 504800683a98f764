import type { Span } from '../span.ts'

/** A key as an answer or an event shows it; the facts are those of etcd. */
export interface SeenKey {
  key: string
  value: string
  createRevision: number
  modRevision: number
  version: number
  lease: string
}

export interface SeenComparison {
  key: string
  target: 'version' | 'createRevision' | 'modRevision' | 'value' | 'lease'
  operator: '=' | '!=' | '<' | '>'
  value: number | string
}

export type SeenStep =
  | { kind: 'put'; key: string; value: string; lease?: string }
  | { kind: 'delete'; key: string }
  | { kind: 'delete-prefix'; prefix: string }
  | { kind: 'get'; key: string }
  | { kind: 'range'; prefix: string; limit?: number }

export type SeenResponse =
  | { kind: 'put' }
  | { kind: 'delete'; deleted: number }
  | { kind: 'delete-prefix'; deleted: number }
  | { kind: 'get'; keyValue?: SeenKey | undefined }
  | { kind: 'range'; keyValues: readonly SeenKey[]; more: boolean }

export interface MetadataAnswer {
  succeeded: boolean
  /** Of the store when it answered; undefined where an answer does not say. */
  revision: number | undefined
  responses: readonly SeenResponse[]
}

/** A transaction; a get or a range counts as one that only reads. What surely did nothing is not in the history. */
export interface MetadataOperation extends Span {
  client: string
  compare: readonly SeenComparison[]
  then: readonly SeenStep[]
  otherwise: readonly SeenStep[]
  /** Undefined: it may have happened, may happen later, or never. */
  answer: MetadataAnswer | undefined
}

/** Changes that one watch told of, in the order in which they came. */
export interface WatchHistory {
  client: string
  prefix: string
  fromRevision: number
  changes: { revision: number; puts: readonly SeenKey[]; deleted: readonly string[] }[]
}

/** What the clients of a metadata store have asked and heard. */
export interface MetadataHistory {
  operations: MetadataOperation[]
  watches: WatchHistory[]
  /** Keys that somebody has read at an earlier revision. */
  pinned: SeenKey[]
}

export function emptyMetadataHistory(): MetadataHistory {
  return { operations: [], watches: [], pinned: [] }
}
