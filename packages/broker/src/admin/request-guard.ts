import type { HttpRequest } from '../host/http.ts'
import { ApiError } from './api-error.ts'

/** What the guard must know of the port. */
export interface GuardFacts {
  /** Whether the port can be reached from this machine only. */
  isLoopback(): boolean
  /** The setting `http.admin.enable`. */
  readonly isEnabled: boolean
  /** Names that this broker is known by, in lower case. */
  readonly ownHosts: ReadonlySet<string>
}

/**
 * Refuses a request to read that a web page elsewhere may have made: on a loopback port, the name that was dialled must
 * be one that no stranger can point here (DNS rebinding).
 * @throws ApiError 403
 */
export function checkRead(request: HttpRequest, facts: GuardFacts): void {
  if (!facts.isLoopback()) return
  const host = request.headers.get('host')
  if (host !== undefined && !isTrusted(host, facts)) throw strangeHost(host)
}

/**
 * Refuses a request to change something that comes from afar or from a web page elsewhere. A form cannot send JSON, so
 * that a browser asks first, which is never answered; and what a script sends names its origin.
 * @throws ApiError 403, 415
 */
export function checkWrite(request: HttpRequest, facts: GuardFacts): void {
  if (!facts.isLoopback() && !facts.isEnabled) {
    const message = 'Changes are not allowed here: this HTTP port can be reached from other machines.'
    const hint =
      'Set http.address to a loopback address, such as 127.0.0.1:15672, or set http.admin.enable=true if everybody who reaches the port may change the cluster.'
    throw new ApiError(403, 'admin-disabled', message, hint)
  }
  checkRead(request, facts)
  const origin = request.headers.get('origin')
  if (origin !== undefined) checkOrigin(origin, request.headers.get('host'), facts)
  const type = (request.headers.get('content-type') ?? '').split(';', 1)[0]!.trim().toLowerCase()
  if (type !== 'application/json') {
    const message = 'A request that changes something must have the header "content-type: application/json".'
    throw new ApiError(415, 'unsupported-media-type', message, "curl: add -H 'content-type: application/json'")
  }
}

function checkOrigin(origin: string, host: string | undefined, facts: GuardFacts): void {
  const from = URL.parse(origin)?.host
  if (host === undefined || from === undefined || from === '' || from !== host.toLowerCase()) {
    throw new ApiError(403, 'foreign-origin', 'A web page of another origin may not change this cluster.')
  }
  if (!isTrusted(host, facts)) throw strangeHost(host)
}

/** Addresses in figures cannot be pointed elsewhere; names can, except this machine's own. */
function isTrusted(hostHeader: string, { ownHosts }: GuardFacts): boolean {
  const match = /^(\[[0-9a-f:.]{2,45}\]|[^:[\]]{1,253})(:\d{1,5})?$/.exec(hostHeader.toLowerCase())
  const name = match?.[1]
  if (name === undefined) return false
  if (name.startsWith('[') || /^\d{1,3}(\.\d{1,3}){3}$/.test(name)) return true
  return name === 'localhost' || name.endsWith('.localhost') || ownHosts.has(name)
}

function strangeHost(host: string): ApiError {
  const hint =
    'Use an IP address or localhost; a proxy in front of this port should send its own request, such as "Host: 127.0.0.1".'
  return new ApiError(403, 'host-refused', `"${host.slice(0, 100)}" is not a name of this broker.`, hint)
}
