import { createHash, createHmac, pbkdf2, timingSafeEqual } from 'node:crypto'
import { ClientError } from './client-error.ts'

/** How to prove who one is. SCRAM never sends the password; PLAIN does, and wants TLS around it. */
export type SaslMechanism = 'SCRAM-SHA-256' | 'SCRAM-SHA-512' | 'PLAIN'

export const saslMechanisms: readonly SaslMechanism[] = ['SCRAM-SHA-256', 'SCRAM-SHA-512', 'PLAIN']

/** The mechanisms with salted passwords. */
export type ScramMechanism = Exclude<SaslMechanism, 'PLAIN'>

/** Who logs in. Printable ASCII: clients do not agree on the form of other characters. */
export interface Credentials {
  user: string
  password: string
  /** Default SCRAM-SHA-256. */
  mechanism?: SaslMechanism
}

/** One login: first message, then an answer to each of the broker's; `finish` sees its last one. */
export interface SaslLogin {
  readonly mechanism: SaslMechanism
  first(): Buffer
  /** Undefined if the broker has nothing more to ask. @throws ClientError 'authentication-failed' */
  next(challenge: Uint8Array): Promise<Buffer> | undefined
  /** @throws ClientError 'authentication-failed' if the broker does not know the user */
  finish(last: Uint8Array): void
}

const scramHashes = {
  'SCRAM-SHA-256': { name: 'sha256', bytes: 32 },
  'SCRAM-SHA-512': { name: 'sha512', bytes: 64 },
} as const satisfies Record<ScramMechanism, unknown>

/** Fewer would let a false broker make the password cheap to try (RFC 7677 §4); more would keep this machine busy. */
const iterationsMin = 4096
const iterationsMax = 1_000_000
const nonceBytes = 24

/** @throws ClientError 'invalid-options' with what is wrong, and no part of the password */
export function checkCredentials({ user, password, mechanism }: Credentials): void {
  if (mechanism !== undefined && !saslMechanisms.includes(mechanism)) {
    throw invalid(`the mechanism is one of ${saslMechanisms.join(', ')}, not "${String(mechanism)}"`)
  }
  expectAscii('user name', user)
  expectAscii('password', password)
}

/** Begins a login. @param randomBytes unpredictable ones */
export function saslLogin(credentials: Credentials, randomBytes: (size: number) => Uint8Array): SaslLogin {
  checkCredentials(credentials)
  const { user, password, mechanism = 'SCRAM-SHA-256' } = credentials
  if (mechanism === 'PLAIN') {
    return {
      mechanism,
      first: () => Buffer.from(`\0${user}\0${password}`),
      next: () => undefined,
      finish: () => undefined,
    }
  }
  return new ScramLogin(mechanism, user, password, Buffer.from(randomBytes(nonceBytes)).toString('base64url'))
}

/** Hi(password, salt, iterations) of RFC 5802: what a broker is told to make a user. */
export function saltPassword(
  mechanism: ScramMechanism,
  password: string,
  salt: Uint8Array,
  iterations: number,
): Promise<Buffer> {
  expectAscii('password', password)
  const { name, bytes } = scramHashes[mechanism]
  return new Promise((resolve, reject) => {
    pbkdf2(password, salt, iterations, bytes, name, (error, salted) => (error ? reject(error) : resolve(salted)))
  })
}

/** The client's side of SCRAM (RFC 5802, RFC 7677) without channel binding. */
class ScramLogin implements SaslLogin {
  readonly mechanism: ScramMechanism
  readonly #password: string
  readonly #nonce: string
  readonly #bare: string
  #serverSignature: Buffer | undefined

  constructor(mechanism: ScramMechanism, user: string, password: string, nonce: string) {
    this.mechanism = mechanism
    this.#password = password
    this.#nonce = nonce
    this.#bare = `n=${user.replaceAll('=', '=3D').replaceAll(',', '=2C')},r=${nonce}`
  }

  first(): Buffer {
    return Buffer.from(`n,,${this.#bare}`)
  }

  next(challenge: Uint8Array): Promise<Buffer> | undefined {
    return this.#serverSignature === undefined ? this.#prove(Buffer.from(challenge).toString()) : undefined
  }

  finish(last: Uint8Array): void {
    const given = Buffer.from(Buffer.from(last).toString().replace(/^v=/, ''), 'base64')
    const expected = this.#serverSignature
    if (expected === undefined || given.length !== expected.length || !timingSafeEqual(given, expected)) {
      throw failed('what answers cannot prove that it knows the user: it is not the broker, or it is not to be trusted')
    }
  }

  async #prove(serverFirst: string): Promise<Buffer> {
    const match = /^r=([\x21-\x2b\x2d-\x7e]+),s=([A-Za-z0-9+/]+={0,2}),i=(\d{1,9})(?:,|$)/.exec(serverFirst)
    const [, nonce = '', salt = '', count = ''] = match ?? []
    if (!nonce.startsWith(this.#nonce) || nonce.length === this.#nonce.length) {
      throw failed('the answer of the broker is not of the form that SCRAM has')
    }
    const iterations = Number(count)
    if (iterations < iterationsMin || iterations > iterationsMax) {
      throw failed(`the broker asks for ${iterations} iterations; ${iterationsMin} to ${iterationsMax} are safe`)
    }
    const salted = await saltPassword(this.mechanism, this.#password, Buffer.from(salt, 'base64'), iterations)
    const withoutProof = `c=biws,r=${nonce}`
    const transcript = `${this.#bare},${serverFirst},${withoutProof}`
    const clientKey = this.#hmac(salted, 'Client Key')
    const storedKey = createHash(scramHashes[this.mechanism].name).update(clientKey).digest()
    const proof = this.#hmac(storedKey, transcript)
    for (const [index, byte] of clientKey.entries()) proof[index]! ^= byte
    this.#serverSignature = this.#hmac(this.#hmac(salted, 'Server Key'), transcript)
    return Buffer.from(`${withoutProof},p=${proof.toString('base64')}`)
  }

  #hmac(key: Uint8Array, text: string): Buffer {
    return createHmac(scramHashes[this.mechanism].name, key).update(text).digest()
  }
}

function expectAscii(what: string, text: string): void {
  if (typeof text !== 'string' || text === '') throw invalid(`the ${what} is a text that is not empty`)
  if (!/^[\x20-\x7e]+$/.test(text)) {
    throw invalid(`the ${what} may hold printable ASCII only: clients do not agree on the form of other characters`)
  }
}

function invalid(message: string): ClientError {
  return new ClientError('invalid-options', message)
}

function failed(message: string): ClientError {
  return new ClientError('authentication-failed', message)
}
