import { isIP } from 'node:net'
import { connect, createSecureContext } from 'node:tls'
import type { SecureContext, TLSSocket } from 'node:tls'
import type { Address } from './address.ts'
import { ClientError } from './client-error.ts'
import { expectOptions } from './option-checks.ts'

/** How brokers are reached over TLS. All texts are PEM. */
export interface TlsOptions {
  /** Authorities to trust instead of the system's. */
  ca?: string
  /** Certificate to show to brokers that ask for one; goes with `key`. */
  certificate?: string
  key?: string
  /** Name that the certificates of brokers must be for, where it is not the host that is dialled. */
  serverName?: string
  /** Whoever answers is believed to be the broker: for trying things out. Default false. */
  insecure?: boolean
}

/** Reading keys is dear, so that it is done once for all connections. */
const contexts = new WeakMap<TlsOptions, SecureContext>()

const optionNames = ['ca', 'certificate', 'key', 'serverName', 'insecure'] as const satisfies (keyof TlsOptions)[]

/** Returns the options, once they have proved to be of use. @throws ClientError 'invalid-options' */
export function checkTls(options: TlsOptions): TlsOptions {
  expectOptions('client (tls)', options, optionNames)
  contextOf(options)
  return options
}

/** Begins to connect. @throws ClientError 'invalid-options' if the certificate, the key or the authorities cannot be used */
export function connectSecurely({ host, port }: Address, options: TlsOptions): TLSSocket {
  const { serverName, insecure = false } = options
  const name = serverName ?? (isIP(host) === 0 ? host : undefined)
  return connect({
    host,
    port,
    secureContext: contextOf(options),
    rejectUnauthorized: !insecure,
    ...(name !== undefined && { servername: name }),
  })
}

function contextOf(options: TlsOptions): SecureContext {
  const known = contexts.get(options)
  if (known !== undefined) return known
  const { ca, certificate, key } = options
  if ((certificate === undefined) !== (key === undefined)) {
    throw new ClientError('invalid-options', 'tls: certificate and key go together')
  }
  try {
    const context = createSecureContext({
      minVersion: 'TLSv1.2',
      ...(ca !== undefined && { ca }),
      ...(certificate !== undefined && { cert: certificate, key }),
    })
    contexts.set(options, context)
    return context
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    throw new ClientError('invalid-options', `tls: certificate, key or ca cannot be used: ${reason}`, { cause: error })
  }
}

const untrusted = 'its certificate is not signed by an authority that is trusted here (tls.ca)'
const notTls = 'it does not speak TLS'
const noVersion = 'it speaks no version of TLS that this client does'
const certificateWanted = 'it asks for a certificate of this client, and there is none'

const reasons: Readonly<Record<string, string>> = {
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: untrusted,
  UNABLE_TO_GET_ISSUER_CERT: untrusted,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: untrusted,
  SELF_SIGNED_CERT_IN_CHAIN: untrusted,
  DEPTH_ZERO_SELF_SIGNED_CERT: untrusted,
  CERT_HAS_EXPIRED: 'its certificate has expired',
  CERT_NOT_YET_VALID: 'its certificate is not valid yet; are both clocks right?',
  ERR_SSL_WRONG_VERSION_NUMBER: notTls,
  ERR_SSL_PACKET_LENGTH_TOO_LONG: notTls,
  ERR_SSL_BAD_RECORD_TYPE: notTls,
  ERR_SSL_UNSUPPORTED_PROTOCOL: noVersion,
}

const distrusted = 'it does not trust the certificate of this client'

/** What the other side says before it hangs up (RFC 8446 §6); what stands before the name varies with the version of OpenSSL. */
const alerts: Readonly<Record<string, string>> = {
  PROTOCOL_VERSION: noVersion,
  CERTIFICATE_REQUIRED: certificateWanted,
  HANDSHAKE_FAILURE: certificateWanted,
  UNKNOWN_CA: distrusted,
  BAD_CERTIFICATE: distrusted,
  CERTIFICATE_UNKNOWN: distrusted,
  CERTIFICATE_EXPIRED: distrusted,
  UNSUPPORTED_CERTIFICATE: distrusted,
}

/** What is wrong with the broker as a peer of TLS; undefined if the failure is none of TLS. */
export function tlsReasonOf(error: Error): string | undefined {
  const code = 'code' in error && typeof error.code === 'string' ? error.code : ''
  const known = reasons[code] ?? alerts[/_ALERT_([A-Z_]+)$/.exec(code)?.[1] ?? '']
  if (known !== undefined) return known
  // What OpenSSL says when something was being written meanwhile: its reason is a part of the text.
  const written = code === 'EPROTO' ? /error:[0-9A-F]+:[^:]*:[^:]*:([^:]+)/i.exec(error.message)?.[1] : undefined
  if (written !== undefined) return written === 'wrong version number' ? notTls : written
  const detail = 'reason' in error && typeof error.reason === 'string' ? error.reason : error.message
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID')
    return `its certificate is for another name (${detail.replace(/\.$/, '')})`
  if (code === 'ECONNRESET' && error.message.includes('before secure TLS connection')) {
    return 'it closed the connection during the TLS handshake: it does not speak TLS, or does not trust the certificate of this client'
  }
  return /^(ERR_SSL|ERR_TLS|ERR_OSSL|CERT_|UNABLE_TO)|_CERT_|_CHAIN/.test(code) ? detail : undefined
}
