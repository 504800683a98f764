/**
 * Why the metadata store did not do what was asked.
 * - `invalid`: the request breaks a rule of the store (empty key, key put twice, too many operations, ...); never retry it.
 * - `too-large`: the request exceeds `requestBytesMax`; never retry it.
 * - `compacted`: the revision asked for is no longer kept; read the present state instead.
 * - `future-revision`: the revision asked for has not happened yet.
 * - `lease-not-found`: the lease expired, was revoked or never existed.
 * - `full`: the space of the store or of its disk is used up.
 * - `overloaded`: too much is waiting already; nothing was done, retry later.
 * - `unavailable`: the store cannot serve now. A write may or may not have happened: read to find out.
 * - `corrupt`: data at rest is damaged; the message names file and position. Nothing has been changed or deleted.
 * - `closed`: the store has been closed by this process.
 */
export type MetadataErrorKind =
  | 'invalid'
  | 'too-large'
  | 'compacted'
  | 'future-revision'
  | 'lease-not-found'
  | 'full'
  | 'overloaded'
  | 'unavailable'
  | 'corrupt'
  | 'closed'

/**
 * An expected failure of the metadata store. After `full` and `unavailable` a write may still take effect later (as any
 * write may whose answer got lost), so a caller that needs to know reads the key again.
 */
export class MetadataError extends Error {
  readonly kind: MetadataErrorKind

  constructor(kind: MetadataErrorKind, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'MetadataError'
    this.kind = kind
  }
}
