import type { BrokerSettings } from './config/broker-table.ts'
import { BrokerError } from './errors/errors.ts'
import type { CertificateNames, CertificateNews, Certificates, OpenCertificates } from './host/certificates.ts'
import type { Host } from './host/host.ts'
import { SecuredNetwork } from './host/secured-network.ts'
import type { TlsListenOptions } from './host/tls.ts'
import { isEmbedded } from './open-metadata.ts'
import type { Logger } from './telemetry/logger.ts'
import type { MetricsRegistry } from './telemetry/metrics.ts'

/** Far more than any handshake takes; who needs longer only holds a connection. */
const handshakeTimeoutMs = 10_000

/** What TLS makes of the outside world, as the settings have it. */
export interface BrokerTls {
  /** The host, with a network that speaks TLS where it is to. */
  readonly host: Host
  /** Of the HTTP port; undefined if that is plain. */
  readonly http: TlsListenOptions | undefined
  /** Undefined without TLS. */
  readonly certificates: Certificates | undefined
}

/** @throws BrokerError 'invalid-config' for settings that contradict each other, and for files that cannot be used */
export async function openTls(
  settings: BrokerSettings,
  host: Host,
  openCertificates: OpenCertificates | undefined,
  { logger, metrics }: { readonly logger: Logger; readonly metrics: MetricsRegistry },
): Promise<BrokerTls> {
  const fault = findTlsFault(settings)
  if (fault !== undefined) throw new BrokerError('invalid-config', fault)
  if (settings.tlsCertificate === '') return { host, http: undefined, certificates: undefined }
  if (openCertificates === undefined) throw new BrokerError('invalid-config', 'tls.certificate: there is no TLS here')
  if (!settings.peerTls && !isEmbedded(settings)) {
    logger.warn('brokers that are set up like this one cannot reach it: tls.certificate without peer.tls.enable')
  }
  const certificates = await openCertificates(filesOf(settings), (news) => report(news, logger))
  metrics.read('polylog_tls_certificate_expiry_timestamp_seconds', 'gauge', 'When tls.certificate ends.', () =>
    Math.round((certificates.expiresMs ?? 0) / 1000),
  )
  const { tlsVersionMin: versionMin } = settings
  const common = { credentials: () => certificates.credentials(), versionMin, handshakeTimeoutMs }
  const kafka = { ...common, clientAuthentication: settings.tlsClientAuth }
  const network = new SecuredNetwork(host.network, kafka, settings.peerTls ? common : undefined)
  return {
    host: { ...host, network },
    http: settings.httpTls ? { ...common, clientAuthentication: settings.httpTlsClientAuth } : undefined,
    certificates,
  }
}

/** What contradicts itself in the settings of TLS; undefined if nothing does. */
export function findTlsFault(settings: BrokerSettings): string | undefined {
  const { tlsCertificate, tlsKey, tlsCa, tlsClientAuth, httpTls, httpTlsClientAuth, peerTls } = settings
  if ((tlsCertificate === '') !== (tlsKey === '')) return 'tls.certificate and tls.key go together'
  const needCertificate = [
    [tlsClientAuth !== 'none', 'tls.client.auth'],
    [httpTls, 'http.tls.enable'],
    [peerTls, 'peer.tls.enable'],
  ] as const
  for (const [isOn, name] of needCertificate) {
    if (isOn && tlsCertificate === '') return `${name} needs tls.certificate and tls.key`
  }
  if (httpTlsClientAuth !== 'none' && !httpTls) return 'http.tls.client.auth needs http.tls.enable'
  const needAuthorities = [
    [tlsClientAuth !== 'none', 'tls.client.auth'],
    [httpTlsClientAuth !== 'none', 'http.tls.client.auth'],
  ] as const
  // Without a list of their own, whoever has bought a certificate from any public authority would be let in.
  for (const [isOn, name] of needAuthorities) {
    if (isOn && tlsCa === '') return `${name} needs tls.ca, the authorities that sign certificates of clients`
  }
  return undefined
}

function filesOf({ tlsCertificate, tlsKey, tlsCa }: BrokerSettings): CertificateNames {
  return {
    certificate: { setting: 'tls.certificate', path: tlsCertificate },
    key: { setting: 'tls.key', path: tlsKey },
    ...(tlsCa !== '' && { authorities: { setting: 'tls.ca', path: tlsCa } }),
  }
}

function report(news: CertificateNews, logger: Logger): void {
  if (news.kind === 'unusable') {
    logger.error('certificates cannot be renewed, the ones before stay in use', { reason: news.reason })
    return
  }
  const expires = Number.isFinite(news.expiresMs) ? new Date(news.expiresMs).toISOString() : undefined
  if (news.kind === 'expiring') logger.warn('tls.certificate expires soon, or has expired', { expires })
  else logger.info('certificates were read anew', { expires })
}
