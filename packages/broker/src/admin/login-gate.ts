import type { Principal } from '../auth/principal.ts'
import type { HttpRequest } from '../host/http.ts'
import { ApiError } from './api-error.ts'

/** Who may use the HTTP port, where not everybody may do everything. */
export interface LoginFacts {
  /** Whether `/metrics` and `/health` can be read without a login. */
  readonly isMonitoringOpen: boolean
  /** Who everybody is, where nobody need log in. */
  readonly everybody?: Principal
  /** Says who it is; undefined if name or password is wrong. Takes as long for any reason. */
  check?(name: string, password: Uint8Array, peerHost: string): Promise<Principal | undefined>
  /** Whether somebody may read, or change, what the cluster is. */
  mayUse(principal: Principal, peerHost: string, purpose: 'read' | 'change'): boolean
}

/** Longest header that is looked at: name and password have at most 255 bytes each. */
const headerCharactersMax = 1024

/**
 * Lets a request in that comes with a login, if one is needed, and whose sender has the right to it.
 * @throws ApiError 401, 403
 */
export async function checkLogin(request: HttpRequest, facts: LoginFacts): Promise<void> {
  const { remoteHost = '' } = request
  const principal = facts.everybody ?? (await logIn(request, facts, remoteHost))
  const purpose = request.method === 'GET' || request.method === 'HEAD' ? 'read' : 'change'
  if (facts.mayUse(principal, remoteHost, purpose)) return
  const right = purpose === 'read' ? 'describe' : 'alter'
  throw new ApiError(403, 'cluster-not-authorized', `No rule allows you to ${right} the cluster.`)
}

/** HTTP Basic (RFC 7617). @throws ApiError 401 */
async function logIn(request: HttpRequest, facts: LoginFacts, remoteHost: string): Promise<Principal> {
  const given = basicCredentials(request.headers.get('authorization') ?? '')
  const principal = given && (await facts.check?.(given.name, given.password, remoteHost))
  given?.password.fill(0)
  if (principal === undefined) {
    const message = given === undefined ? 'A login is needed here.' : 'User name or password is wrong.'
    const headers = { 'www-authenticate': 'Basic realm="polylog", charset="UTF-8"' }
    throw new ApiError(
      401,
      'login-needed',
      message,
      'Use HTTP Basic with a user of the cluster (polylog user list).',
      headers,
    )
  }
  return principal
}

function basicCredentials(header: string): { readonly name: string; readonly password: Buffer } | undefined {
  if (header.length > headerCharactersMax) return undefined
  const match = /^basic +([A-Za-z0-9+/]+={0,2})$/i.exec(header)
  if (match === null) return undefined
  const bytes = Buffer.from(match[1]!, 'base64')
  const colon = bytes.indexOf(':')
  if (colon < 1) return undefined
  return { name: bytes.toString('utf8', 0, colon), password: bytes.subarray(colon + 1) }
}
