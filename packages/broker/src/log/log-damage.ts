/** Stored bytes are not what was written. They are not served, and nothing is removed. */
export class LogDamageError extends Error {
  readonly file: string
  readonly position: number

  constructor(file: string, position: number, what: string) {
    super(`${file} is damaged at byte ${position}: ${what}`)
    this.name = 'LogDamageError'
    this.file = file
    this.position = position
  }
}

/** Damage that a start has found. It stays until somebody has dealt with it. */
export interface LastingDamage {
  readonly what: string
  /** Records below this offset had been there. If the log ends before it, those in between are missing. */
  readonly reachedOffset: number
}

/** Says which records at the end of a log are known to have been there and cannot be read; undefined if none are. */
export function findMissingRecords(log: {
  readonly endOffset: number
  readonly lastingDamage: LastingDamage | undefined
}): string | undefined {
  const { endOffset, lastingDamage } = log
  if (lastingDamage === undefined || lastingDamage.reachedOffset <= endOffset) return undefined
  return `records from offset ${endOffset} to ${lastingDamage.reachedOffset - 1} are missing: ${lastingDamage.what}`
}
