import { formatAddress } from './config/address.ts'
import type { BrokerSettings } from './config/broker-table.ts'
import { BrokerError } from './errors/errors.ts'
import type { Logger } from './telemetry/logger.ts'

/**
 * The rule of docs/adr/0008: whoever reaches a port from another machine says who they are, or the operator has said that
 * nobody need. What is not known to be loopback counts as reachable.
 * @param hasLogin whether clients must log in
 * @throws BrokerError 'invalid-config' naming the port, and the ways out
 */
export function checkAnonymousNetwork(settings: BrokerSettings, hasLogin: boolean, logger: Logger): void {
  for (const { setting, address, wayOut } of anonymousPorts(settings, hasLogin)) {
    if (settings.allowAnonymousNetwork) {
      logger.warn('anybody who reaches this port may use it: allow.anonymous.network', { setting, address })
      continue
    }
    const detail = `${setting} ${address} can be reached from other machines, and nobody there would have to say who they are: set sasl.enabled.mechanisms or ${wayOut}, or allow.anonymous.network=true where everybody who reaches the port is to be trusted (docs/security.md)`
    throw new BrokerError('invalid-config', detail)
  }
}

interface AnonymousPort {
  readonly setting: string
  readonly address: string
  readonly wayOut: string
}

function anonymousPorts(settings: BrokerSettings, hasLogin: boolean): AnonymousPort[] {
  if (hasLogin) return []
  const { kafkaAddress, httpAddress, tlsClientAuth, httpTlsClientAuth } = settings
  const ports: AnonymousPort[] = []
  if (!isLoopback(kafkaAddress.host) && tlsClientAuth !== 'required') {
    const wayOut = 'tls.client.auth=required'
    ports.push({ setting: 'kafka.address', address: formatAddress(kafkaAddress), wayOut })
  }
  if (httpAddress !== undefined && !isLoopback(httpAddress.host) && httpTlsClientAuth !== 'required') {
    const wayOut = 'http.tls.client.auth=required'
    ports.push({ setting: 'http.address', address: formatAddress(httpAddress), wayOut })
  }
  return ports
}

/**
 * Warns of ports where a password can be read on its way: it comes as it is, and the line is not private.
 * @param hasLogin whether clients must log in
 */
export function warnOfBarePasswords(settings: BrokerSettings, hasLogin: boolean, logger: Logger): void {
  if (!hasLogin) return
  const { kafkaAddress, httpAddress, saslMechanisms, tlsCertificate, httpTls } = settings
  const event = 'passwords can be read on their way to this port'
  if (saslMechanisms.includes('PLAIN') && tlsCertificate === '' && !isLoopback(kafkaAddress.host)) {
    const address = formatAddress(kafkaAddress)
    logger.warn(event, { setting: 'kafka.address', address, hint: 'set tls.certificate, or take SCRAM alone' })
  }
  if (httpAddress !== undefined && !httpTls && !isLoopback(httpAddress.host)) {
    logger.warn(event, { setting: 'http.address', address: formatAddress(httpAddress), hint: 'set http.tls.enable' })
  }
}

/** Names other than `localhost` may mean anything, and something else tomorrow. */
export function isLoopback(host: string): boolean {
  return host === 'localhost' || host === '::1' || /^(::ffff:)?127\.\d{1,3}\.\d{1,3}\.\d{1,3}$/i.test(host)
}
