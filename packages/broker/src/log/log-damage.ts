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
