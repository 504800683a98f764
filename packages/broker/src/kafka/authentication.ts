import type { LoginExchange, LoginStep } from '../auth/authenticator.ts'
import { loginFailure } from '../auth/login-failure.ts'
import { anonymous, formatPrincipal } from '../auth/principal.ts'
import type { Principal } from '../auth/principal.ts'
import type { BrokerPrincipal } from './peer/broker-proof.ts'

/** Something that lives no longer than the connection. */
export interface BoundSession {
  readonly id: number
  end(): void
}

/** A login that is under way. */
interface Login {
  readonly mechanism: string
  readonly exchange: LoginExchange
  /** Whether tokens come without the frame of a request (SaslHandshake 0). */
  readonly isBare: boolean
}

/** Who the client of one connection is, and how far it is with proving it. */
export class Authentication {
  /** In whose name requests are served. */
  principal: Principal = anonymous
  /** The broker that the client is; undefined for everybody else. */
  broker: BrokerPrincipal | undefined = undefined
  /** The fetch session that a follower has opened on this connection, and which ends with it. */
  fetchSession: BoundSession | undefined = undefined
  readonly #isRequired: boolean
  readonly #proved: () => void
  #login: Login | undefined = undefined
  /** Mechanism of the first login; undefined before it. */
  #firstMechanism: string | undefined = undefined
  #expiresAtMs = Number.POSITIVE_INFINITY

  /**
   * @param isRequired whether nothing is served before the client has proved who it is
   * @param proved called when it has done so for the first time
   */
  constructor(isRequired = false, proved: () => void = () => undefined) {
    this.#isRequired = isRequired
    this.#proved = proved
  }

  /** Whether a mechanism was chosen and its exchange is not over. */
  get isUnderWay(): boolean {
    return this.#login !== undefined
  }

  /** The mechanism of the login that is under way. */
  get mechanism(): string | undefined {
    return this.#login?.mechanism
  }

  /** Whether the client has proved who it is. */
  get isProved(): boolean {
    return this.#firstMechanism !== undefined
  }

  /** Whether requests other than those of the login are served. */
  get mayServe(): boolean {
    return !this.#isRequired || this.isProved
  }

  /** Whether the next message is a token as it is, and no request. */
  get takesBareTokens(): boolean {
    return this.#login?.isBare === true
  }

  /** Whether the client has let the time pass in which it had to log in anew. */
  hasExpired(nowMs: number): boolean {
    return nowMs > this.#expiresAtMs
  }

  /** The login counts until then (monotonic clock); a later one sets another time. */
  expireAt(nowMs: number): void {
    this.#expiresAtMs = nowMs
  }

  begin(mechanism: string, exchange: LoginExchange, isBare = false): void {
    this.#login = { mechanism, exchange, isBare }
  }

  /**
   * Takes the client's next message. The exchange is over once this throws or a principal comes.
   * @throws BrokerError 'authentication-failed' with the reason; anything else is a bug of the authenticator
   */
  async step(message: Uint8Array): Promise<LoginStep> {
    const login = this.#login
    if (login === undefined) throw loginFailure('no login is under way')
    try {
      const step = await login.exchange.step(message)
      if (step.principal !== undefined) this.#finish(login, step.principal)
      return step
    } catch (error) {
      this.#login = undefined
      throw error
    }
  }

  /** Binds another session to the connection, or none; the one before ends. */
  bind(session: BoundSession | undefined): void {
    const before = this.fetchSession
    this.fetchSession = session
    if (before !== undefined && before.id !== session?.id) before.end()
  }

  /** The connection is over. */
  close(): void {
    this.bind(undefined)
  }

  #finish({ mechanism }: Login, principal: Principal): void {
    const isFirst = this.#firstMechanism === undefined
    const isSame = mechanism === this.#firstMechanism && formatPrincipal(principal) === formatPrincipal(this.principal)
    // KIP-368: what is bound to the connection, and what waits on it, belongs to whom it was opened by.
    if (!isFirst && !isSame) throw loginFailure('the client logged in anew as somebody else')
    this.#login = undefined
    this.#firstMechanism = mechanism
    this.principal = principal
    if (isFirst) this.#proved()
  }
}
