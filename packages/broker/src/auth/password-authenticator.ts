import type { Authenticator } from './authenticator.ts'
import { loginFailure } from './login-failure.ts'
import { PlainExchange } from './plain-exchange.ts'
import type { Principal } from './principal.ts'
import { userType } from './principal.ts'

/** Whether this is the password of that user; a principal to say who it is in other words. */
export type PasswordJudge = (
  name: string,
  password: string,
  peerHost: string,
) => boolean | Principal | Promise<boolean | Principal>

/**
 * An authenticator that asks a function, for users who are kept elsewhere. Clients use SASL PLAIN.
 *
 * ```ts
 * const authenticator = passwordAuthenticator((name, password) => myDirectory.check(name, password))
 * await using broker = await startBroker({ authenticator })
 * ```
 */
export function passwordAuthenticator(judge: PasswordJudge): Authenticator {
  const check = async (name: string, password: Uint8Array, peerHost: string): Promise<Principal> => {
    const verdict = await judge(name, Buffer.from(password).toString(), peerHost)
    if (verdict === false) throw loginFailure('name or password is wrong')
    return verdict === true ? { type: userType, name } : verdict
  }
  return {
    mechanisms: ['PLAIN'],
    begin: (mechanism, peerHost) =>
      mechanism === 'PLAIN' ? new PlainExchange((name, password) => check(name, password, peerHost)) : undefined,
    checkPassword: check,
  }
}
