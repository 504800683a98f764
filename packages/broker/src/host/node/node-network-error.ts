import type { NetworkErrorKind } from '../network.ts'
import { NetworkError } from '../network.ts'
import { tlsFaultOf } from './tls-fault.ts'

const kindOfCode: Readonly<Record<string, NetworkErrorKind>> = {
  EADDRINUSE: 'in-use',
  EACCES: 'denied',
  EPERM: 'denied',
  EADDRNOTAVAIL: 'unknown-host',
  ECONNREFUSED: 'refused',
  EHOSTUNREACH: 'unreachable',
  ENETUNREACH: 'unreachable',
  EHOSTDOWN: 'unreachable',
  ENETDOWN: 'unreachable',
  ETIMEDOUT: 'timed-out',
  ECONNRESET: 'reset',
  ECONNABORTED: 'reset',
  EPIPE: 'reset',
}

/** Codes of a name that does not resolve. To a listener that is a wrong setting, to a dialler a peer out of reach. */
const unresolvedCodes = ['ENOTFOUND', 'EAI_AGAIN', 'EAI_NODATA', 'EAI_NONAME']

/** Turns a failure of node:net or node:tls into a NetworkError whose message begins with `what`. */
export function networkErrorOf(error: Error, what: string, unresolved: NetworkErrorKind = 'unreachable'): NetworkError {
  const code = 'code' in error && typeof error.code === 'string' ? error.code : ''
  const tlsFault = tlsFaultOf(code, error)
  if (tlsFault !== undefined) return new NetworkError('tls', `${what}: ${tlsFault}`, { cause: error })
  const kind = unresolvedCodes.includes(code) ? unresolved : (kindOfCode[code] ?? 'other')
  const reason = kind === 'in-use' ? 'the port is already in use' : error.message
  return new NetworkError(kind, `${what}: ${reason}`, { cause: error })
}
