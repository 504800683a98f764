/** The SCRAM mechanisms (RFC 5802, RFC 7677) with the bytes that their hash gives. */
export const scramKeyBytes = { 'SCRAM-SHA-256': 32, 'SCRAM-SHA-512': 64 } as const

export type ScramMechanism = keyof typeof scramKeyBytes

export const scramMechanisms: readonly ScramMechanism[] = ['SCRAM-SHA-256', 'SCRAM-SHA-512']

/** What a password can be checked against, and from which it cannot be found other than by trying. */
export interface ScramCredential {
  readonly salt: Buffer
  /** Rounds of PBKDF2. */
  readonly iterations: number
  /** H(HMAC(salted password, "Client Key")). */
  readonly storedKey: Buffer
  /** HMAC(salted password, "Server Key"): with it this side proves that it knows the user. */
  readonly serverKey: Buffer
}

/** Somebody who can log in. Immutable: a change makes a new object. */
export interface User {
  readonly name: string
  /** At least one. */
  readonly credentials: ReadonlyMap<ScramMechanism, ScramCredential>
  /** Revision of the user's key. */
  readonly modRevision: number
}

interface StoredCredential {
  salt: string
  iterations: number
  storedKey: string
  serverKey: string
}

interface StoredUser {
  scram: Partial<Record<ScramMechanism, StoredCredential>>
}

export function encodeUser(credentials: ReadonlyMap<ScramMechanism, ScramCredential>): string {
  const scram: StoredUser['scram'] = {}
  for (const [mechanism, { salt, iterations, storedKey, serverKey }] of credentials) {
    scram[mechanism] = {
      salt: salt.toString('base64'),
      iterations,
      storedKey: storedKey.toString('base64'),
      serverKey: serverKey.toString('base64'),
    }
  }
  return JSON.stringify({ scram } satisfies StoredUser)
}

/** @throws Error that says what is wrong, and nothing of what stands there */
export function decodeUser(name: string, value: string, modRevision: number): User {
  const { scram } = parseUser(value)
  const credentials = new Map<ScramMechanism, ScramCredential>()
  for (const mechanism of scramMechanisms) {
    const stored = scram[mechanism]
    if (stored !== undefined) credentials.set(mechanism, decodeCredential(mechanism, stored))
  }
  if (credentials.size === 0) throw new Error('the user has no credential')
  return { name, credentials, modRevision }
}

/** The parser's own message would quote the text. */
function parseUser(value: string): StoredUser {
  try {
    const user = JSON.parse(value) as StoredUser | null
    if (typeof user?.scram === 'object') return user
  } catch {
    // Said below, without the text.
  }
  throw new Error('the value is no user')
}

function decodeCredential(mechanism: ScramMechanism, stored: StoredCredential): ScramCredential {
  const bytes = (text: unknown): Buffer => Buffer.from(typeof text === 'string' ? text : '', 'base64')
  const credential = {
    salt: bytes(stored.salt),
    iterations: stored.iterations,
    storedKey: bytes(stored.storedKey),
    serverKey: bytes(stored.serverKey),
  }
  const { salt, iterations, storedKey, serverKey } = credential
  const keyBytes = scramKeyBytes[mechanism]
  const isWhole = storedKey.length === keyBytes && serverKey.length === keyBytes && salt.length > 0
  if (!isWhole || !Number.isSafeInteger(iterations) || iterations < 1) {
    throw new Error(`the ${mechanism} credential is not complete`)
  }
  return credential
}
