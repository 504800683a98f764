/**
 * What clients saw in a run. Times are places in the order of all happenings, not milliseconds: an operation that ended
 * at 7 was over before one that began at 8. `end` is Infinity for an operation that nobody saw ending.
 */
export interface Span {
  begin: number
  end: number
}

/** 'unknown' stays unknown: it may have happened, may happen later, or never. */
export type Outcome = 'ok' | 'failed' | 'unknown'
