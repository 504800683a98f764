import { createHash, createHmac } from 'node:crypto'
import { scramKeyBytes } from '../image/user.ts'
import type { ScramCredential, ScramMechanism } from '../image/user.ts'

/** As Kafka: fewer are too cheap to try, more cost the client too much (RFC 7677 §4 asks for 4096 at least). */
export const iterationsMin = 4096
export const iterationsMax = 16_384

const hashNames = { 'SCRAM-SHA-256': 'sha256', 'SCRAM-SHA-512': 'sha512' } as const

/** Name of the mechanism's hash in node:crypto. */
export function hashOf(mechanism: ScramMechanism): 'sha256' | 'sha512' {
  return hashNames[mechanism]
}

export function hmac(mechanism: ScramMechanism, key: Uint8Array, text: string): Buffer {
  return createHmac(hashOf(mechanism), key).update(text).digest()
}

/** The hash of the client's key: what is kept of it. */
export function storedKeyOf(mechanism: ScramMechanism, clientKey: Uint8Array): Buffer {
  return createHash(hashOf(mechanism)).update(clientKey).digest()
}

/** RFC 5802 §3. `saltedPassword` is Hi(password, salt, iterations). */
export function credentialOf(
  mechanism: ScramMechanism,
  saltedPassword: Uint8Array,
  { salt, iterations }: { salt: Uint8Array; iterations: number },
): ScramCredential {
  return {
    salt: Buffer.from(salt),
    iterations,
    storedKey: storedKeyOf(mechanism, hmac(mechanism, saltedPassword, 'Client Key')),
    serverKey: hmac(mechanism, saltedPassword, 'Server Key'),
  }
}

const decoySaltBytes = 16

/**
 * The credential that a name without one is given: the same each time and on each broker, so that asking twice tells
 * nothing (RFC 5802 §5.1). No password fits it.
 * @param secret known to the brokers of the cluster alone
 */
export function decoyCredential(mechanism: ScramMechanism, name: string, secret: string): ScramCredential {
  const draw = (what: string): Buffer => hmac(mechanism, Buffer.from(secret), `${what}\0${mechanism}\0${name}`)
  const keyBytes = scramKeyBytes[mechanism]
  return {
    salt: draw('salt').subarray(0, decoySaltBytes),
    iterations: iterationsMin,
    storedKey: draw('stored key').subarray(0, keyBytes),
    serverKey: draw('server key').subarray(0, keyBytes),
  }
}
