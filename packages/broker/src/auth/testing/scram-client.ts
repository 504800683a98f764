import { createHash, createHmac, pbkdf2Sync } from 'node:crypto'
import type { ScramMechanism } from '../../image/user.ts'

/** A SCRAM client written from the RFC on its own, so that a mistake of the broker is not made twice. */
export class ScramClient {
  readonly #hash: string
  readonly #password: string
  readonly #bare: string
  readonly first: Buffer
  readonly #nonceOf: (given: string) => string
  #serverSignature = ''

  /** @param nonceOf what the last message has as its nonce, made from the server's: for clients that are wrong */
  constructor(
    mechanism: ScramMechanism,
    name: string,
    password: string,
    nonce = 'abcdefgh',
    nonceOf = (given: string): string => given,
  ) {
    this.#nonceOf = nonceOf
    this.#hash = mechanism.slice('SCRAM-'.length).replace('-', '').toLowerCase()
    this.#password = password
    this.#bare = `n=${name.replaceAll('=', '=3D').replaceAll(',', '=2C')},r=${nonce}`
    this.first = Buffer.from(`n,,${this.#bare}`)
  }

  /** The message that follows the server's first one. */
  final(serverFirst: Uint8Array): Buffer {
    const text = Buffer.from(serverFirst).toString()
    const [, nonce, salt, iterations] = /^r=([^,]+),s=([^,]+),i=(\d+)$/.exec(text)!
    const keyBytes = createHash(this.#hash).digest().length
    const salted = pbkdf2Sync(this.#password, Buffer.from(salt!, 'base64'), Number(iterations), keyBytes, this.#hash)
    const clientKey = this.#hmac(salted, 'Client Key')
    const storedKey = createHash(this.#hash).update(clientKey).digest()
    const withoutProof = `c=biws,r=${this.#nonceOf(nonce!)}`
    const transcript = `${this.#bare},${text},${withoutProof}`
    const signature = this.#hmac(storedKey, transcript)
    const proof = Buffer.from(clientKey.map((byte, index) => byte ^ signature[index]!))
    this.#serverSignature = this.#hmac(this.#hmac(salted, 'Server Key'), transcript).toString('base64')
    return Buffer.from(`${withoutProof},p=${proof.toString('base64')}`)
  }

  /** Whether the server knows the user as well. */
  isServerProved(serverFinal: Uint8Array): boolean {
    return Buffer.from(serverFinal).toString() === `v=${this.#serverSignature}`
  }

  #hmac(key: Uint8Array, text: string): Buffer {
    return createHmac(this.#hash, key).update(text).digest()
  }
}
