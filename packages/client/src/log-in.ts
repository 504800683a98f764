import { apis, decode } from '@polylog/wire'
import { formatAddress } from './address.ts'
import { ClientError, refusal } from './client-error.ts'
import type { Connection } from './connection.ts'
import { saslLogin } from './sasl.ts'
import type { Credentials, SaslLogin } from './sasl.ts'

const handshakeVersion = 1
const authenticateVersionMax = 2

export interface LoginOptions {
  credentials: Credentials
  randomBytes: (size: number) => Uint8Array
  /** For each answer. */
  timeoutMs: number
  /** Newest version of SaslAuthenticate that the broker speaks; undefined if it has none. */
  authenticateVersion: number | undefined
}

/**
 * Logs in on a connection, for the first time or anew.
 * @returns how long it counts in milliseconds, 0 for no limit (KIP-368)
 * @throws ClientError 'authentication-failed', 'unsupported', 'invalid-options' and those of the connection
 */
export async function logIn(connection: Connection, options: LoginOptions): Promise<number> {
  const { credentials, randomBytes, timeoutMs, authenticateVersion } = options
  const where = formatAddress(connection.address)
  if (authenticateVersion === undefined) {
    const message = `the broker at ${where} knows no login: sasl.enabled.mechanisms is empty there, or it is too old`
    throw new ClientError('unsupported', message, { address: connection.address })
  }
  const login = saslLogin(credentials, randomBytes)
  await chooseMechanism(connection, login, timeoutMs)
  const version = Math.min(authenticateVersionMax, authenticateVersion)
  const say = async (authBytes: Buffer) => {
    const reader = await connection.exchange(apis[36], version, { authBytes }, timeoutMs)
    const answer = decode(apis[36].response, version, reader)
    if (answer.errorCode !== 0) throw refused(connection, answer.errorCode, answer.errorMessage)
    return answer
  }
  let answer = await say(login.first())
  for (let next = login.next(answer.authBytes); next !== undefined; next = login.next(answer.authBytes)) {
    answer = await say(await next)
  }
  login.finish(answer.authBytes)
  return answer.sessionLifetimeMs
}

async function chooseMechanism(connection: Connection, { mechanism }: SaslLogin, timeoutMs: number): Promise<void> {
  const reader = await connection.exchange(apis[17], handshakeVersion, { mechanism }, timeoutMs)
  const { errorCode, mechanisms } = decode(apis[17].response, handshakeVersion, reader)
  if (errorCode === 0) return
  const detail = `it does not take ${mechanism}, but ${mechanisms.join(', ')}`
  throw refused(connection, errorCode, detail)
}

function refused({ address }: Connection, kafkaCode: number, detail: string | null): ClientError {
  const { message, errorName } = refusal(kafkaCode, `cannot log in at ${formatAddress(address)}`, detail)
  if (errorName === 'ILLEGAL_SASL_STATE') return new ClientError('refused', message, { kafkaCode, address })
  return new ClientError('authentication-failed', message, { kafkaCode, address })
}
