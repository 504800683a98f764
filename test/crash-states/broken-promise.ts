/** A promise that a recovered store does not keep. */
export class BrokenPromise extends Error {
  constructor(what: string) {
    super(what)
    this.name = 'BrokenPromise'
  }
}
