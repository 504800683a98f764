import type { LoginExchange, LoginStep } from './authenticator.ts'
import { loginFailure, textOf } from './login-failure.ts'
import type { Principal } from './principal.ts'

/** RFC 4616 §2. */
const fieldBytesMax = 255

/** Decides about a name and a password. The bytes of the password are wiped afterwards. */
export type CheckPassword = (name: string, password: Uint8Array) => Promise<Principal>

/** SASL PLAIN (RFC 4616): `[authorization identity] NUL name NUL password`. */
export class PlainExchange implements LoginExchange {
  readonly #check: CheckPassword

  constructor(check: CheckPassword) {
    this.#check = check
  }

  async step(message: Uint8Array): Promise<LoginStep> {
    const nameAt = message.indexOf(0) + 1
    const passwordAt = message.indexOf(0, nameAt) + 1
    if (nameAt === 0 || passwordAt === 0 || message.includes(0, passwordAt)) throw malformed()
    const name = textOf(message.subarray(nameAt, passwordAt - 1))
    const actsFor = textOf(message.subarray(0, nameAt - 1))
    // The message is the caller's: what is kept beyond this turn is a copy.
    const password = Uint8Array.from(message.subarray(passwordAt))
    if (name === '' || password.length === 0) throw malformed()
    if (passwordAt - nameAt > fieldBytesMax + 1 || password.length > fieldBytesMax) throw malformed()
    if (actsFor !== '' && actsFor !== name) throw loginFailure('the client wants to act in the name of another user')
    try {
      return { answer: new Uint8Array(0), principal: await this.#check(name, password) }
    } finally {
      password.fill(0)
    }
  }
}

function malformed(): Error {
  return loginFailure('the message is not of the form that PLAIN has')
}
