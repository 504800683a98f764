import { timingSafeEqual } from 'node:crypto'
import type { Random } from '../host/random.ts'
import type { ClusterImage } from '../image/cluster-image.ts'
import { scramMechanisms } from '../image/user.ts'
import type { ScramMechanism } from '../image/user.ts'
import type { Authenticator, LoginExchange } from './authenticator.ts'
import { deriveOnPool } from './derive-key.ts'
import type { DeriveKey } from './derive-key.ts'
import { loginFailure } from './login-failure.ts'
import { PlainExchange } from './plain-exchange.ts'
import type { Principal } from './principal.ts'
import { userType } from './principal.ts'
import { credentialOf, decoyCredential } from './scram-keys.ts'
import { ScramExchange } from './scram-exchange.ts'
import type { FoundCredential } from './scram-exchange.ts'
import { WorkLine } from './work-line.ts'

const nonceBytes = 24

/**
 * Password checks at a time. The pool has four threads and the journal's syncs need one: logins must neither keep the disk
 * waiting nor take every processor.
 */
const checkLimits = { concurrency: 1, waitingMax: 4096, waitingPerSourceMax: 2048 }

const plainMechanism = 'PLAIN'

/** The mechanisms that users of the cluster can log in with. */
export const userMechanisms = [...scramMechanisms, plainMechanism] as const

export interface UserAuthenticatorParts {
  /** Its users are those that are let in. */
  readonly image: Pick<ClusterImage, 'users'>
  readonly random: Random
  /** Mechanisms that are on. */
  readonly mechanisms: readonly string[]
  /** What made-up credentials are made of: the same on all brokers, and nobody else's. */
  readonly decoySecret: string
  /** For tests. */
  readonly derive?: DeriveKey
}

/**
 * Lets the users of the image in. Who is not known, has no credential for the mechanism, or uses one that is off goes
 * through the same steps and the same work with a made-up credential, and fails at the end as with a wrong password.
 */
export class UserAuthenticator implements Authenticator {
  readonly mechanisms: readonly string[]
  readonly #parts: UserAuthenticatorParts
  readonly #derive: DeriveKey
  readonly #line = new WorkLine(checkLimits)

  constructor(parts: UserAuthenticatorParts) {
    this.#parts = parts
    this.#derive = parts.derive ?? deriveOnPool
    this.mechanisms = parts.mechanisms
  }

  begin(mechanism: string, peerHost: string): LoginExchange | undefined {
    const refusal = this.mechanisms.includes(mechanism) ? undefined : `${mechanism.slice(0, 30)} is off`
    if (mechanism === plainMechanism) {
      return new PlainExchange((name, password) => this.#check(name, password, peerHost, refusal))
    }
    const scram = scramMechanisms.find((each) => each === mechanism)
    if (scram === undefined) return undefined
    const nonce = Buffer.from(this.#parts.random.bytes(nonceBytes)).toString('base64url')
    return new ScramExchange({ mechanism: scram, nonce, find: (name) => this.#find(scram, name, refusal) })
  }

  checkPassword(name: string, password: Uint8Array, peerHost: string): Promise<Principal> {
    return this.#check(name, password, peerHost, undefined)
  }

  #find(mechanism: ScramMechanism, name: string, refusal: string | undefined): FoundCredential {
    const user = this.#parts.image.users.get(name)
    const credential = user?.credentials.get(mechanism)
    // Made in any case: the time it takes must not tell who is known.
    const decoy = decoyCredential(mechanism, name, this.#parts.decoySecret)
    if (refusal !== undefined) return { credential: decoy, refusal }
    if (credential !== undefined) return { credential, refusal: undefined }
    // The name itself may be a password typed in the wrong place.
    const reason = user === undefined ? 'there is no such user' : `user ${name} has no credential for ${mechanism}`
    return { credential: decoy, refusal: reason }
  }

  async #check(
    name: string,
    password: Uint8Array,
    peerHost: string,
    refusalBefore: string | undefined,
  ): Promise<Principal> {
    const known = this.#parts.image.users.get(name)?.credentials
    const mechanism = scramMechanisms.find((each) => known?.has(each)) ?? scramMechanisms[0]!
    const { credential, refusal } = this.#find(mechanism, name, refusalBefore)
    const { salt, iterations, storedKey } = credential
    const salted = await this.#line.run(peerHost, () => this.#derive(mechanism, password, salt, iterations))
    const isSame = timingSafeEqual(credentialOf(mechanism, salted, credential).storedKey, storedKey)
    salted.fill(0)
    if (refusal !== undefined) throw loginFailure(refusal)
    if (!isSame) throw loginFailure('the password is wrong')
    return { type: userType, name }
  }
}
