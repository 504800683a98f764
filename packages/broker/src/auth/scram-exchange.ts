import { timingSafeEqual } from 'node:crypto'
import type { ScramCredential, ScramMechanism } from '../image/user.ts'
import type { LoginExchange, LoginStep } from './authenticator.ts'
import { loginFailure } from './login-failure.ts'
import { userType } from './principal.ts'
import { hmac, storedKeyOf } from './scram-keys.ts'
import { readClientFinal, readClientFirst } from './scram-message.ts'
import type { ClientFirst } from './scram-message.ts'

/** What a login is checked against. */
export interface FoundCredential {
  readonly credential: ScramCredential
  /** Why no proof is good enough, for the log; undefined for a credential that is real. */
  readonly refusal: string | undefined
}

export interface ScramParts {
  readonly mechanism: ScramMechanism
  /** This side's part of the nonce: printable, without a comma, used once. */
  readonly nonce: string
  /** Gives a credential for any name: see `decoyCredential`. */
  find(name: string): FoundCredential
}

interface Opening {
  readonly first: ClientFirst
  readonly found: FoundCredential
  readonly serverFirst: string
}

/** The broker's side of SCRAM (RFC 5802, RFC 7677) without channel binding. */
export class ScramExchange implements LoginExchange {
  readonly #parts: ScramParts
  #opening: Opening | undefined

  constructor(parts: ScramParts) {
    this.#parts = parts
  }

  step(message: Uint8Array): LoginStep {
    const opening = this.#opening
    return opening === undefined ? this.#challenge(message) : this.#verify(message, opening)
  }

  #challenge(message: Uint8Array): LoginStep {
    const first = readClientFirst(message)
    const found = this.#parts.find(first.name)
    const { salt, iterations } = found.credential
    const serverFirst = `r=${first.nonce}${this.#parts.nonce},s=${salt.toString('base64')},i=${iterations}`
    this.#opening = { first, found, serverFirst }
    return { answer: Buffer.from(serverFirst) }
  }

  #verify(message: Uint8Array, { first, found, serverFirst }: Opening): LoginStep {
    const { mechanism, nonce } = this.#parts
    const final = readClientFinal(message)
    if (Buffer.from(final.channelBinding, 'base64').toString() !== first.gs2Header) {
      throw loginFailure('the channel binding is not the one that the exchange began with')
    }
    const whole = `${first.nonce}${nonce}`
    // librdkafka before 2.6.1 puts its own nonce in front of the whole once more. This side's part is in it all the same,
    // so that an exchange that was overheard is worth nothing.
    if (final.nonce !== whole && final.nonce !== `${first.nonce}${whole}`) {
      throw loginFailure('the nonce belongs to another exchange')
    }
    const { credential, refusal } = found
    const transcript = `${first.bare},${serverFirst},${final.withoutProof}`
    const isProved = proves(mechanism, credential, transcript, final.proof)
    if (refusal !== undefined) throw loginFailure(refusal)
    if (!isProved) throw loginFailure('the password is wrong')
    const signature = hmac(mechanism, credential.serverKey, transcript).toString('base64')
    return { answer: Buffer.from(`v=${signature}`), principal: { type: userType, name: first.name } }
  }
}

/** Whether who made the proof knows the client's key: the hash of that key is all that is known here. */
function proves(mechanism: ScramMechanism, { storedKey }: ScramCredential, transcript: string, proof: Buffer): boolean {
  const clientKey = hmac(mechanism, storedKey, transcript)
  for (let index = 0; index < clientKey.length; index++) clientKey[index]! ^= proof[index] ?? 0
  const isSame = timingSafeEqual(storedKeyOf(mechanism, clientKey), storedKey)
  return isSame && proof.length === storedKey.length
}
