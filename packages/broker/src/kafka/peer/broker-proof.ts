import { createHmac, timingSafeEqual } from 'node:crypto'
import { BrokerError } from '../../errors/errors.ts'

/** SASL mechanism with which brokers of one cluster prove to each other who they are; docs/protocols/broker.md. */
export const brokerMechanism = 'POLYLOG-BROKER'

export const nonceBytes = 32
const proofBytes = 32
const formatVersion = 1
/** Format version, target id, source id, source epoch, nonce. */
const helloBytes = 1 + 4 + 4 + 8 + nonceBytes
/** Format version, nonce. */
const challengeBytes = 1 + nonceBytes

/** A broker that has proved to be one. */
export interface BrokerPrincipal {
  readonly brokerId: number
  readonly brokerEpoch: number
}

/** What the dialling broker says of itself, and whom it wants to talk to. */
export interface BrokerClaim extends BrokerPrincipal {
  readonly targetId: number
}

/**
 * The dialling broker's part of the exchange: `hello`, then a proof for the challenge, then a look at the other's proof.
 * One object is one exchange.
 */
export class ProofOffer {
  readonly hello: Buffer
  readonly #key: Buffer
  #transcript: Buffer
  #isProved = false

  /**
   * @param secret `ClusterRecord.secret`
   * @param nonce `nonceBytes` unpredictable bytes, used once
   */
  constructor(secret: string, claim: BrokerClaim, nonce: Uint8Array) {
    this.#key = keyOf(secret)
    const hello = Buffer.alloc(helloBytes)
    hello.writeInt8(formatVersion, 0)
    hello.writeInt32BE(claim.targetId, 1)
    hello.writeInt32BE(claim.brokerId, 5)
    hello.writeBigInt64BE(BigInt(claim.brokerEpoch), 9)
    hello.set(nonce, 17)
    this.hello = hello
    this.#transcript = hello
  }

  /** @throws BrokerError 'authentication-failed' if the challenge is none */
  prove(challenge: Uint8Array): Buffer {
    expectForm(challenge, challengeBytes)
    this.#transcript = Buffer.concat([this.hello, challenge])
    const proof = proofOf(this.#key, 'client', this.#transcript)
    this.#transcript = Buffer.concat([this.#transcript, proof])
    this.#isProved = true
    return proof
  }

  /** @throws BrokerError 'authentication-failed' if the other broker does not know the secret */
  verify(answer: Uint8Array): void {
    if (!this.#isProved || !isSame(answer, proofOf(this.#key, 'server', this.#transcript))) {
      throw failed('The broker that was dialled does not know the secret of this cluster.')
    }
  }
}

/** The dialled broker's part: a challenge for the hello, then a proof of its own for the other's. */
export class ProofDemand {
  readonly #key: Buffer
  readonly #brokerId: number
  readonly #nonce: Uint8Array
  #opening: { readonly principal: BrokerPrincipal; readonly transcript: Buffer } | undefined

  /** @param nonce `nonceBytes` unpredictable bytes, used once: they make a proof that was overheard worthless */
  constructor(secret: string, brokerId: number, nonce: Uint8Array) {
    this.#key = keyOf(secret)
    this.#brokerId = brokerId
    this.#nonce = nonce
  }

  /** True once the challenge is out, so that the proof comes next. */
  get isChallenged(): boolean {
    return this.#opening !== undefined
  }

  /** @throws BrokerError 'authentication-failed' if the hello is none, or for another broker */
  challenge(hello: Uint8Array): Buffer {
    expectForm(hello, helloBytes)
    const view = Buffer.from(hello)
    const targetId = view.readInt32BE(1)
    if (targetId !== this.#brokerId) throw failed(`This is broker ${this.#brokerId}, not broker ${targetId}.`)
    const principal = { brokerId: view.readInt32BE(5), brokerEpoch: Number(view.readBigInt64BE(9)) }
    if (principal.brokerId < 0) throw failed('The hello names no broker.')
    const challenge = Buffer.concat([Buffer.of(formatVersion), this.#nonce])
    this.#opening = { principal, transcript: Buffer.concat([view, challenge]) }
    return challenge
  }

  /**
   * Says who the other is, and what proves to it who this is.
   * @throws BrokerError 'authentication-failed' if the other does not know the secret
   */
  accept(proof: Uint8Array): { readonly principal: BrokerPrincipal; readonly answer: Buffer } {
    const opening = this.#opening
    if (opening === undefined || !isSame(proof, proofOf(this.#key, 'client', opening.transcript))) {
      throw failed('The proof does not fit the secret of this cluster.')
    }
    const transcript = Buffer.concat([opening.transcript, proof])
    return { principal: opening.principal, answer: proofOf(this.#key, 'server', transcript) }
  }
}

function keyOf(secret: string): Buffer {
  return Buffer.from(secret, 'hex')
}

/** The role is part of what is signed, so that no proof can be sent back to the one who made it. */
function proofOf(key: Buffer, role: 'client' | 'server', transcript: Buffer): Buffer {
  return createHmac('sha256', key).update(`${brokerMechanism} ${role}\0`).update(transcript).digest()
}

function isSame(given: Uint8Array, expected: Buffer): boolean {
  return given.length === proofBytes && timingSafeEqual(given, expected)
}

function expectForm(bytes: Uint8Array, size: number): void {
  if (bytes.length !== size) throw failed(`The message has ${bytes.length} bytes, not ${size}.`)
  if (bytes[0] !== formatVersion) throw failed(`The message is of format ${bytes[0]}, not ${formatVersion}.`)
}

function failed(detail: string): BrokerError {
  return new BrokerError('authentication-failed', detail)
}
