const untrusted = 'the certificate of the other side is not signed by an authority that is trusted here'
const notTls = 'what the other side sends is not TLS'
const distrusted = 'the other side does not trust the certificate that was shown to it'
const noVersion = 'the two sides have no version of TLS in common'
const certificateWanted = 'a certificate is asked for, and none was shown'

/** What OpenSSL and Node.js call it, and what that means to whoever runs the broker. */
const faults: Readonly<Record<string, string>> = {
  UNABLE_TO_VERIFY_LEAF_SIGNATURE: untrusted,
  UNABLE_TO_GET_ISSUER_CERT: untrusted,
  UNABLE_TO_GET_ISSUER_CERT_LOCALLY: untrusted,
  SELF_SIGNED_CERT_IN_CHAIN: untrusted,
  DEPTH_ZERO_SELF_SIGNED_CERT: untrusted,
  CERT_SIGNATURE_FAILURE: untrusted,
  CERT_UNTRUSTED: untrusted,
  CERT_HAS_EXPIRED: 'the certificate of the other side has expired',
  CERT_NOT_YET_VALID: 'the certificate of the other side is not valid yet; are both clocks right?',
  INVALID_PURPOSE: 'the certificate of the other side is not meant for this use (extended key usage)',
  ERR_SSL_WRONG_VERSION_NUMBER: notTls,
  ERR_SSL_HTTP_REQUEST: `${notTls} but HTTP`,
  ERR_SSL_PACKET_LENGTH_TOO_LONG: notTls,
  ERR_SSL_BAD_RECORD_TYPE: notTls,
  ERR_SSL_RECORD_LAYER_FAILURE: notTls,
  ERR_SSL_UNEXPECTED_MESSAGE: notTls,
  ERR_SSL_UNSUPPORTED_PROTOCOL: noVersion,
  ERR_SSL_PEER_DID_NOT_RETURN_A_CERTIFICATE: certificateWanted,
}

/** What the other side says before it hangs up (RFC 8446 §6); what stands before the name varies with the version of OpenSSL. */
const alerts: Readonly<Record<string, string>> = {
  PROTOCOL_VERSION: noVersion,
  CERTIFICATE_REQUIRED: certificateWanted,
  HANDSHAKE_FAILURE: 'the other side refused the handshake',
  UNKNOWN_CA: distrusted,
  BAD_CERTIFICATE: distrusted,
  CERTIFICATE_UNKNOWN: distrusted,
  CERTIFICATE_EXPIRED: distrusted,
  UNSUPPORTED_CERTIFICATE: distrusted,
}

/** A fault of TLS for people; undefined if the failure is none of TLS. */
export function tlsFaultOf(code: string, error: Error): string | undefined {
  const known = faults[code] ?? alerts[/_ALERT_([A-Z_]+)$/.exec(code)?.[1] ?? '']
  if (known !== undefined) return known
  if (code === 'ERR_TLS_CERT_ALTNAME_INVALID') {
    const reason = 'reason' in error && typeof error.reason === 'string' ? error.reason : error.message
    return `the certificate of the other side is for another name (${reason.replace(/\.$/, '')})`
  }
  if (code === 'ECONNRESET' && error.message.includes('before secure TLS connection')) {
    return 'the other side closed the connection instead of a TLS handshake; does it speak TLS?'
  }
  // What OpenSSL says when something was being written meanwhile: its reason is a part of the text.
  const written = code === 'EPROTO' ? /error:[0-9A-F]+:[^:]*:[^:]*:([^:]+)/i.exec(error.message)?.[1] : undefined
  if (written !== undefined) return written === 'wrong version number' ? notTls : written
  if (!/^(ERR_SSL|ERR_TLS|ERR_OSSL|CERT_|CRL_|UNABLE_TO)|_CERT_|_CHAIN|HOSTNAME_MISMATCH/.test(code)) return undefined
  // OpenSSL's messages are one line of file names and numbers; what went wrong is a field of its own.
  return 'reason' in error && typeof error.reason === 'string' ? error.reason : error.message
}
