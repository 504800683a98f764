/** One row of the table: what is owed, and where it is shown. */
export interface Requirement {
  /** The requirement in one sentence. */
  readonly sentence: string
  /** Where the documentation speaks of it, below docs/. */
  readonly page: string
  /** Test file in this folder; undefined if nothing can be shown yet. */
  readonly file?: string
  /** Why nothing can be shown yet. */
  readonly later?: string
  /** What the test does not show, or how the words of the requirement are to be read for Kafka clients. */
  readonly note?: string
}
