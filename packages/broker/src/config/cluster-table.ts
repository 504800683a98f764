/** Rows about the cluster that a broker is part of; see broker-table.ts. */
import { longMax, whole, words } from './setting.ts'

const intMax = 2147483647
const kib = 1024
const mib = 1024 * kib
const gib = 1024 * mib

const pathCharactersMax = 4096

/** A file whose name is a setting; '' for none. */
function file(name: string, documentation: string) {
  return words({ name, default: '', max: pathCharactersMax, empty: true, documentation })
}

const membership = {
  metadata: words({
    name: 'metadata',
    default: 'embedded',
    max: 4096,
    documentation:
      'Where topics, partition states and policies are kept: "embedded" in the data directory, for a broker on its own; or etcd://HOST:PORT,HOST:PORT/PREFIX (etcds:// with TLS), which makes all brokers that name the same one a cluster.',
  }),
  metadataUser: words({
    name: 'metadata.user',
    default: '',
    max: 256,
    empty: true,
    documentation: 'User name for etcd; empty if it asks for none.',
  }),
  metadataPasswordFile: file('metadata.password.file', 'File whose first line is the password of that user.'),
  metadataTlsCaFile: file(
    'metadata.tls.ca.file',
    "Authorities (PEM) that etcd is to be trusted by instead of the system's.",
  ),
  metadataTlsCertificateFile: file('metadata.tls.certificate.file', 'Certificate (PEM) that is shown to etcd.'),
  metadataTlsKeyFile: file('metadata.tls.key.file', 'Key (PEM) of that certificate.'),
  sessionTimeoutMs: whole('int', {
    name: 'broker.session.timeout.ms',
    default: 3000,
    min: 1000,
    max: 600_000,
    unit: 'ms',
    documentation:
      'A broker that is not heard of for this long, or whose disk makes no progress for as long, is replaced. etcd knows whole seconds, and no less than 2.',
  }),
  refusedConfirmMs: whole('int', {
    name: 'broker.refused.confirm.ms',
    default: 100,
    min: -1,
    max: 60_000,
    unit: 'ms',
    documentation:
      'A broker whose connections break, and whose port then refuses new ones and still does after this time, is replaced at once, without waiting for broker.session.timeout.ms; -1: that is waited for.',
  }),
}

const replication = {
  replicaLagMsMax: whole('long', {
    name: 'replica.lag.time.max.ms',
    default: 30_000,
    min: 100,
    max: intMax,
    unit: 'ms',
    documentation: 'A replica that has been behind its leader for longer is not in sync any more.',
  }),
  replicaFetchBytesMax: whole('int', {
    name: 'replica.fetch.max.bytes',
    default: 8 * mib,
    min: 1 * kib,
    max: 1 * gib,
    unit: 'bytes',
    documentation: 'Most bytes of one partition in an answer to a replica; a larger batch still comes, alone.',
  }),
  replicaFetchAnswerBytesMax: whole('int', {
    name: 'replica.fetch.response.max.bytes',
    default: 10 * mib,
    min: 64 * kib,
    max: 1 * gib,
    unit: 'bytes',
    documentation: 'Most bytes in an answer to a replica.',
  }),
  replicaFetchWaitMsMax: whole('int', {
    name: 'replica.fetch.wait.max.ms',
    default: 500,
    min: 1,
    max: 60_000,
    unit: 'ms',
    documentation: 'How long a leader keeps a replica waiting when there is no news.',
  }),
  replicaFetchBackoffMs: whole('int', {
    name: 'replica.fetch.backoff.ms',
    default: 200,
    min: 0,
    max: 60_000,
    unit: 'ms',
    documentation: 'How long a replica waits after a failure before it asks its leader again.',
  }),
  replicaCatchUpBytesPerSecond: whole('long', {
    name: 'replica.catch.up.bytes.per.second',
    default: 64 * mib,
    min: -1,
    max: longMax,
    unit: 'bytes',
    documentation:
      'Most bytes a second that replicas which are not in sync fetch from each other broker, so that clients do not suffer; -1: no limit.',
  }),
}

export const clusterTable = { ...membership, ...replication }
