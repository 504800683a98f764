/** Name and password of an etcd user. */
export interface EtcdCredentials {
  readonly user: string
  readonly password: string
}

/** The token of a session with etcd, which goes with every request. etcd forgets tokens, after 5 minutes of silence or when it restarts. */
export class Token {
  readonly #authenticate: () => Promise<string>
  #current: Promise<string> | undefined

  /** @param authenticate fetches a new token; '' when etcd wants none */
  constructor(authenticate: () => Promise<string>) {
    this.#authenticate = authenticate
  }

  /** The present token. All who ask while it is fetched wait for the same one. */
  get(): Promise<string> {
    if (this.#current !== undefined) return this.#current
    const fetched = this.#authenticate()
    this.#current = fetched
    fetched.catch(() => this.#forget(fetched))
    return fetched
  }

  /** Says that etcd no longer takes this token. */
  async expired(token: string): Promise<void> {
    const current = this.#current
    if (current !== undefined && (await current) === token) this.#forget(current)
  }

  #forget(token: Promise<string>): void {
    if (this.#current === token) this.#current = undefined
  }
}
