/** A record before it is sent. */
export interface Draft {
  readonly key: string
  readonly value: string
}

/** Numbers the records of a key from 1, in the form that the checker of histories reads. */
export class Drafts {
  readonly #key: string
  #number = 0

  constructor(key: string) {
    this.#key = key
  }

  take(count: number): Draft[] {
    return Array.from({ length: count }, () => ({ key: this.#key, value: `${this.#key}#${++this.#number}` }))
  }
}
