/**
 * - `damaged`: the bytes are not what they should be.
 * - `too-large`: they would open to more than is allowed.
 * - `missing-codec`: the package that compresses or opens them is not installed here.
 */
export type RecordErrorKind = 'damaged' | 'too-large' | 'missing-codec'

/** Records that cannot be read or written. */
export class RecordError extends Error {
  readonly kind: RecordErrorKind

  constructor(kind: RecordErrorKind, message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'RecordError'
    this.kind = kind
  }
}
