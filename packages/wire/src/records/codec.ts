/** Compresses and opens the records part of a batch. */
export interface CompressionCodec {
  compress(bytes: Uint8Array): Uint8Array
  /** Stops with an error instead of making more than `bytesMax`. */
  decompress(bytes: Uint8Array, bytesMax: number): Uint8Array
}
