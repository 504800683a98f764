import type { Principal } from './principal.ts'

/** What a message of the client leads to: something to tell it and, with the last one, who it is. */
export interface LoginStep {
  /** Sent to the client; may be empty. */
  readonly answer: Uint8Array
  /** Set once the client has proved who it is: the exchange is over. */
  readonly principal?: Principal
}

/** One client that is proving who it is; lives for one login. */
export interface LoginExchange {
  /**
   * Takes the client's next message, which is valid during the call only, and may have any content. Rejecting ends the
   * exchange; the client is told that it failed and never why.
   * @throws BrokerError 'authentication-failed' with the reason, for the log of the broker: without any secret
   */
  step(message: Uint8Array): LoginStep | Promise<LoginStep>
}

/** Says who a client is. Replace it with `startBroker({ authenticator })` to keep users elsewhere. */
export interface Authenticator {
  /** SASL mechanisms offered, the first one first. Nobody need log in if there is none. */
  readonly mechanisms: readonly string[]

  /**
   * Begins a login. Undefined if there is no such mechanism. One that is known but off may be let in here and fail later,
   * so that it looks like any other failure.
   * @param peerHost address that the client comes from
   */
  begin(mechanism: string, peerHost: string): LoginExchange | undefined

  /**
   * Checks a name and a password as they are, for the HTTP port.
   * @throws BrokerError 'authentication-failed' as `step` does
   */
  checkPassword(name: string, password: Uint8Array, peerHost: string): Promise<Principal>
}
