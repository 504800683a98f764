/** What becomes of one record when it would be delivered. */
export type Verdict = 'deliver' | 'filtered' | 'expired'

/** Looks at the records of a batch on behalf of a group. */
export interface BatchJudge {
  /**
   * @param at where the batch begins in `bytes`
   * @param nowMs milliseconds since 1970
   * @returns a verdict by offset delta, undefined for an offset without a record; undefined if all are to be delivered
   */
  judge(bytes: Uint8Array, at: number, nowMs: number): readonly (Verdict | undefined)[] | undefined
}
