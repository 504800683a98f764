import type { Log } from '../../../packages/broker/src/log/log.ts'

/** Of one partition: the leader epoch of every offset that any leader has called committed. */
export class Committed {
  /** Undefined where the leader had deleted the record before anybody looked. */
  readonly #epochs: (number | undefined)[] = []

  get end(): number {
    return this.#epochs.length
  }

  /** A leader with this log says that everything below `highWatermark` is committed. */
  extend(log: Log, highWatermark: number): void {
    for (let offset = this.end; offset < highWatermark; offset += 1) {
      this.#epochs.push(offset < log.startOffset ? undefined : log.epochs.epochAt(offset))
    }
  }

  /**
   * The last offset below `end` at which `log` is not what was committed; -1 if there is none. By LogMatching the same epoch
   * at an offset means the same records up to there, so that the last one usually tells.
   * @param isCompacted with gaps, a replica that was fetched later knows the same epoch from a later offset on
   */
  lastDifference(log: Log, end: number, isCompacted: boolean): number {
    const offset = Math.min(end, this.end) - 1
    if (offset < log.startOffset) return -1
    if (offset >= log.durableOffset) return offset
    const epoch = this.#epochs[offset]
    return isCompacted || epoch === undefined || log.epochs.epochAt(offset) === epoch ? -1 : offset
  }

  /** As `lastDifference`, over all offsets. */
  anyDifference(log: Log, isCompacted: boolean): number {
    for (let end = this.end; end > log.startOffset; end -= 1) {
      const offset = this.lastDifference(log, end, isCompacted)
      if (offset >= 0) return offset
    }
    return -1
  }
}
