import { isIP } from 'node:net'
import type { Socket } from 'node:net'
import { createSecureContext, TLSSocket } from 'node:tls'
import type { ConnectionOptions, SecureContext, TLSSocketOptions } from 'node:tls'
import type { Address } from '../network.ts'
import type { TlsClientAuthentication, TlsCredentials, TlsDialOptions, TlsListenOptions, TlsVersion } from '../tls.ts'

/** Reading keys is dear, so that it is done once for all connections that use the same. */
const contexts = new WeakMap<TlsCredentials, Map<TlsVersion, SecureContext>>()

/** What Node goes on to receive and decrypt for a connection that is paused; one record of TLS more, as they come whole. */
const pausedBytesMax = 16 * 1024

/** Subjects of the certificates that were looked at and found good. */
const subjects = new WeakMap<Socket, string>()

/** @throws Error if the certificate, the key or the authorities cannot be used */
export function secureContextOf(credentials: TlsCredentials, versionMin: TlsVersion): SecureContext {
  let known = contexts.get(credentials)
  if (known === undefined) contexts.set(credentials, (known = new Map()))
  let context = known.get(versionMin)
  if (context === undefined) {
    context = createSecureContext({
      ...pemOf(credentials),
      minVersion: `TLSv${versionMin}`,
      // Without it, who showed a certificate could not resume a session.
      sessionIdContext: 'polylog',
    })
    known.set(versionMin, context)
  }
  return context
}

/** The same in Node's terms. */
export function pemOf({ certificate, key, authorities }: TlsCredentials): { cert?: string; key?: string; ca?: string } {
  return {
    ...(certificate !== undefined && { cert: certificate }),
    ...(key !== undefined && { key }),
    ...(authorities !== undefined && { ca: authorities }),
  }
}

/**
 * The server's side of TLS on a connection that was just accepted. It may be written to at once; nothing is read from it
 * before the handshake is done and the peer's certificate, where one is asked for, is found good.
 */
export function secureAccepted(accepted: Socket, options: TlsListenOptions): TLSSocket {
  const { clientAuthentication, versionMin, handshakeTimeoutMs } = options
  // The types lack the last one.
  const server: TLSSocketOptions & { highWaterMark: number } = {
    isServer: true,
    secureContext: secureContextOf(options.credentials(), versionMin),
    requestCert: clientAuthentication !== 'none',
    rejectUnauthorized: clientAuthentication === 'required',
    highWaterMark: pausedBytesMax,
  }
  const socket = new TLSSocket(accepted, server)
  // Each costs this side far more than the other, and nobody needs it.
  socket.disableRenegotiation()
  const timer = setTimeout(() => {
    socket.destroy(faultOf('ERR_TLS_HANDSHAKE_TIMEOUT', `the TLS handshake took more than ${handshakeTimeoutMs} ms`))
  }, handshakeTimeoutMs).unref()
  socket.once('close', () => clearTimeout(timer))
  // What goes wrong in TLS after the handshake is told here only, unless a tls.Server made the socket.
  socket.on('_tlsError', (error: Error) => socket.destroy(error))
  socket.once('secure', () => {
    clearTimeout(timer)
    checkClient(socket, clientAuthentication)
  })
  return socket
}

/** Options for `tls.connect`, one of which its types lack. */
export function dialOptions(
  { host, port }: Address,
  options: TlsDialOptions,
): ConnectionOptions & { allowHalfOpen: boolean } {
  return {
    host,
    port,
    secureContext: secureContextOf(options.credentials(), options.versionMin),
    rejectUnauthorized: true,
    allowHalfOpen: true,
    ...(isIP(host) === 0 && { servername: host }),
  }
}

/** The subject of the certificate that the peer has shown, if it was looked at and found good. */
export function verifiedSubjectOf(socket: Socket): string | undefined {
  return subjects.get(socket)
}

/**
 * Node refuses a wrong certificate by itself only where a tls.Server made the socket. Where it does not say whether one is
 * good, none is.
 */
function checkClient(socket: TLSSocket, clientAuthentication: TlsClientAuthentication): void {
  if (clientAuthentication === 'none') return
  const certificate = socket.getPeerX509Certificate()
  if (certificate === undefined) {
    if (clientAuthentication === 'requested') return
    socket.destroy(faultOf('ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE', 'no certificate'))
    return
  }
  const handle: { verifyError?: () => unknown } | null = Object(socket).ssl
  const fault = typeof handle?.verifyError === 'function' ? handle.verifyError() : unverifiable
  if (fault === undefined || fault === null) subjects.set(socket, subjectOf(certificate.subject))
  else socket.destroy(fault instanceof Error ? fault : unverifiable)
}

const unverifiable = faultOf('ERR_TLS_UNVERIFIABLE', 'this Node.js does not say whether a certificate is good')

/**
 * RFC 2253, which names the most specific part first, as Kafka writes it.
 * @param subject as Node gives it: one part a line, escaped already, the most general first
 */
export function subjectOf(subject: string | undefined): string {
  return (subject ?? '').split('\n').toReversed().join(',')
}

function faultOf(code: string, message: string): Error {
  return Object.assign(new Error(message), { code })
}
