/** Source of randomness. The simulated one is driven by the seed of the run. */
export interface Random {
  /** A float in [0, 1). Not for secrets. */
  next(): number

  /** `count` unpredictable bytes (ids, salts, nonces). */
  bytes(count: number): Uint8Array
}
