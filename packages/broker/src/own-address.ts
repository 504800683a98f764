import type { BrokerSettings } from './config/broker-table.ts'
import { BrokerError } from './errors/errors.ts'
import type { Address } from './host/network.ts'

const wildcards: ReadonlySet<string> = new Set(['0.0.0.0', '::', ''])

/**
 * Where other brokers reach this one, and clients that another broker sends here.
 * @param bound address that is listened on
 * @throws BrokerError 'invalid-config' if that cannot be told in a cluster
 */
export function ownAddress(settings: BrokerSettings, bound: Address, isAlone: boolean): Address {
  if (settings.advertisedAddress) return settings.advertisedAddress
  if (isAlone || !wildcards.has(settings.kafkaAddress.host))
    return { host: settings.kafkaAddress.host, port: bound.port }
  const detail = `advertised.address is needed in a cluster, because kafka.address (${settings.kafkaAddress.host}) does not say where others reach this broker`
  throw new BrokerError('invalid-config', detail)
}
