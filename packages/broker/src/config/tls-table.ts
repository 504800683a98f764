/** Rows about who may connect, and over what; see broker-table.ts and docs/security.md. */
import { choice, flag, words } from './setting.ts'

const pathCharactersMax = 4096

/** A file whose name is a setting; '' for none. */
function file(name: string, documentation: string) {
  return words({ name, default: '', max: pathCharactersMax, empty: true, documentation })
}

export const tlsTable = {
  tlsCertificate: file(
    'tls.certificate',
    'Certificate (PEM) of this broker, followed by those between it and its authority. With it Kafka clients connect over TLS, and only so.',
  ),
  tlsKey: file('tls.key', 'Key (PEM, without passphrase) of that certificate.'),
  tlsCa: file(
    'tls.ca',
    'Authorities (PEM) that certificates of clients and of other brokers are to be signed by; for brokers, "" means those of the system.',
  ),
  tlsClientAuth: choice({
    name: 'tls.client.auth',
    default: 'none',
    choices: ['none', 'requested', 'required'],
    documentation:
      'Whether Kafka clients prove who they are by a certificate that tls.ca has signed: "none", those that have one ("requested"), or all ("required"). Its subject is their name: User:CN=….',
  }),
  tlsVersionMin: choice({
    name: 'tls.minimum.version',
    default: '1.2',
    choices: ['1.2', '1.3'],
    documentation: 'Oldest version of TLS that is spoken.',
  }),
  httpTls: flag({
    name: 'http.tls.enable',
    default: false,
    documentation: 'Whether the HTTP port is HTTPS, with tls.certificate.',
  }),
  httpTlsClientAuth: choice({
    name: 'http.tls.client.auth',
    default: 'none',
    choices: ['none', 'required'],
    documentation: 'Whether the HTTP port is for those only who show a certificate that tls.ca has signed.',
  }),
  peerTls: flag({
    name: 'peer.tls.enable',
    default: false,
    documentation:
      'Whether this broker connects to others over TLS; their certificates must be for the address they advertise. All brokers of a cluster need the same.',
  }),
  allowAnonymousNetwork: flag({
    name: 'allow.anonymous.network',
    default: false,
    documentation:
      'Whether the broker starts although others than this machine reach a port that asks nobody who they are. It then warns at each start.',
  }),
}
