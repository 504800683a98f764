import type { MetadataError } from './metadata-error.ts'

/** Most entries in each of the three lists of a transaction, as in etcd (`--max-txn-ops`). */
export const transactionOperationsMax = 128

/** Most bytes of one request, as in etcd (`--max-request-bytes`, 1.5 MiB). */
export const requestBytesMax = 1_572_864

/** Bytes that each comparison or operation counts beside its key and value; etcd's encoding never needs more. */
export const operationOverheadBytes = 48

/** Longest lease, one day. */
export const leaseTtlMsMax = 86_400_000

declare const leaseBrand: unique symbol

/** Id of a lease: a 64-bit integer in decimal, as etcd's JSON gateway writes it, because it may exceed 2^53. */
export type LeaseId = string & { readonly [leaseBrand]: true }

/** The lease of a key that has none. */
export const noLease: LeaseId = '0' as LeaseId

/**
 * One key at one revision. Keys and values are strings of well-formed Unicode, held as UTF-8; order and prefixes are
 * those of the UTF-8 bytes. A key has at least one character; a value may be empty.
 */
export interface KeyValue {
  readonly key: string
  readonly value: string
  /** Store revision at which the key came into being; a key deleted and put again has a new one. */
  readonly createRevision: number
  /** Store revision of the last put. */
  readonly modRevision: number
  /** Puts since creation, 1 for the first. */
  readonly version: number
  /** The lease of the last put, or `noLease`. */
  readonly lease: LeaseId
}

export type ComparisonOperator = '=' | '!=' | '<' | '>'

/**
 * A condition of a transaction. A missing key has version, createRevision, modRevision and lease 0; a comparison of its
 * value is false with every operator, `!=` included, as in etcd.
 */
export type Comparison =
  | {
      readonly key: string
      readonly target: 'version' | 'createRevision' | 'modRevision'
      readonly operator: ComparisonOperator
      readonly value: number
    }
  | { readonly key: string; readonly target: 'value'; readonly operator: ComparisonOperator; readonly value: string }
  | { readonly key: string; readonly target: 'lease'; readonly operator: ComparisonOperator; readonly value: LeaseId }

/** One step of a transaction. A put without lease takes the key off the lease it had. The prefix '' means every key. */
export type Operation =
  | { readonly kind: 'put'; readonly key: string; readonly value: string; readonly lease?: LeaseId }
  | { readonly kind: 'delete'; readonly key: string }
  | { readonly kind: 'delete-prefix'; readonly prefix: string }
  | { readonly kind: 'get'; readonly key: string }
  | { readonly kind: 'range'; readonly prefix: string; readonly limit?: number }

/** The answer to the operation at the same place in the list. */
export type OperationResponse =
  | { readonly kind: 'put' }
  | { readonly kind: 'delete'; readonly deleted: number }
  | { readonly kind: 'delete-prefix'; readonly deleted: number }
  | { readonly kind: 'get'; readonly keyValue: KeyValue | undefined }
  | {
      readonly kind: 'range'
      readonly keyValues: readonly KeyValue[]
      readonly more: boolean
      readonly count: number
    }

/** If every comparison holds (an empty list holds), the steps of `then` are made, otherwise those of `else`. */
export interface Transaction {
  readonly compare?: readonly Comparison[]
  readonly then?: readonly Operation[]
  readonly else?: readonly Operation[]
}

export interface TransactionResult {
  /** Whether every comparison held. */
  readonly succeeded: boolean
  /** Store revision after the transaction; it grew by one if anything was put or deleted, and stayed otherwise. */
  readonly revision: number
  readonly responses: readonly OperationResponse[]
}

export interface RangeOptions {
  /** Reads the state at this revision instead of the present one. */
  readonly atRevision?: number
  /** Most keys to return, at least 1; without it there is no limit. */
  readonly limit?: number
}

export interface RangeResult {
  /** Store revision at the time of the answer: a watch from `revision + 1` misses nothing after an unpinned range. */
  readonly revision: number
  /** In the order of the keys. */
  readonly keyValues: readonly KeyValue[]
  /** Whether `limit` cut the answer. */
  readonly more: boolean
  /** Keys under the prefix, those cut off included. */
  readonly count: number
}

export type WatchEvent =
  | { readonly kind: 'put'; readonly keyValue: KeyValue }
  | { readonly kind: 'delete'; readonly key: string; readonly modRevision: number }

/**
 * What a watch tells its listener. After 'compacted' and 'failed' nothing more comes: the watcher ranges again and
 * watches from the revision after that range.
 */
export type WatchOutcome =
  | { readonly kind: 'changes'; readonly revision: number; readonly events: readonly WatchEvent[] }
  | { readonly kind: 'compacted'; readonly compactRevision: number }
  | { readonly kind: 'failed'; readonly error: MetadataError }

/**
 * Called with all events of one revision together, revisions ascending, each once, and never from within `watch` itself.
 * It must not throw.
 */
export type WatchListener = (outcome: WatchOutcome) => void

export interface Watch {
  /** After this the listener is not called again. Safe to call twice. */
  cancel(): void
}

export interface Lease {
  readonly id: LeaseId
  /** Time to live in milliseconds as granted: at least what was asked (etcd rounds up to seconds, and to about 2 s). */
  readonly ttlMs: number
}

/**
 * Configuration and coordination of the cluster, with the semantics of etcd v3. One revision counts all changes of the
 * store; every transaction is atomic, isolated and durable before it resolves; reads see only what is durable.
 *
 * Example, taking a partition state forward by compare-and-set:
 *
 *     const state = await store.get('/partitions/7')
 *     const result = await store.transaction({
 *       compare: [{ key: '/partitions/7', target: 'modRevision', operator: '=', value: state?.modRevision ?? 0 }],
 *       then: [{ kind: 'put', key: '/partitions/7', value: next }],
 *       else: [{ kind: 'get', key: '/partitions/7' }],
 *     })
 *     if (!result.succeeded) {
 *       // Somebody else was first; result.responses[0] holds what they wrote.
 *     }
 *
 * All methods reject with MetadataError. A lease is a hint that somebody lives, not a lock: guard writes by comparing
 * the createRevision of the leased key.
 */
export interface MetadataStore {
  /** The key as it is now, or undefined. */
  get(key: string): Promise<KeyValue | undefined>

  /**
   * The keys that start with `prefix` ('' for all), in order.
   * Rejects with 'compacted' or 'future-revision' when `atRevision` is out of the range kept.
   */
  range(prefix: string, options?: RangeOptions): Promise<RangeResult>

  /**
   * The only way to write. Within one list a key is put at most once, and not both put and deleted (by key or prefix);
   * reads see the writes before them in the list. Each list holds at most `transactionOperationsMax` entries, the whole
   * at most `requestBytesMax` bytes.
   * Rejects with 'invalid', 'too-large', 'lease-not-found' (in the branch taken), 'full', 'overloaded' (nothing done),
   * 'unavailable' (outcome unknown).
   */
  transaction(transaction: Transaction): Promise<TransactionResult>

  /**
   * Tells `listener` of every change under `prefix` from revision `fromRevision` (>= 1) on, past ones first; a future
   * revision is waited for. If changes from there on are no longer kept, the only outcome is 'compacted'.
   * Throws MetadataError at once when the arguments are invalid, too many watches exist, or the store is closed.
   */
  watch(prefix: string, fromRevision: number, listener: WatchListener): Watch

  /** Grants a lease of `ttlMs` milliseconds, 1 to `leaseTtlMsMax`. */
  grantLease(ttlMs: number): Promise<Lease>

  /** Starts the time to live of a lease anew. Rejects with 'lease-not-found' once it has expired. */
  keepAlive(id: LeaseId): Promise<Lease>

  /**
   * Ends a lease and deletes its keys in one revision, as expiry does. No keys, no new revision.
   * Rejects with 'lease-not-found'.
   */
  revokeLease(id: LeaseId): Promise<void>

  /** Finishes what is under way and lets go. Leases and keys stay. Everything after it fails with 'closed'. */
  close(): Promise<void>
}
