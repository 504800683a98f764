/**
 * The one error of this package: bytes that are not a valid message, or a value that the chosen version cannot carry.
 * A peer can cause it at will, so it never means that the process is in a bad state.
 */
export class WireError extends Error {
  override readonly name = 'WireError'
}
