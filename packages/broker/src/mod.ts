/**
 * A real broker in your process, for tests and embedding.
 *
 * ```ts
 * import { startBroker } from 'polylog'
 *
 * await using broker = await startBroker()
 * const { host, port } = broker.kafka // give these to any Kafka client
 * ```
 */
import { Broker } from './broker.ts'
import type { BrokerSettings } from './config/broker-table.ts'
import type { Host } from './host/host.ts'
import { createNodeHost } from './host/node/node-host.ts'
import { NodeHttpServer } from './host/node/node-http.ts'
import type { Logger } from './telemetry/logger.ts'
import { silentLogger } from './telemetry/logger.ts'

export { Broker } from './broker.ts'
export type { BrokerSettings } from './config/broker-table.ts'
export { BrokerError } from './errors/errors.ts'
export type { Host } from './host/host.ts'
export { createNodeHost } from './host/node/node-host.ts'
export type { Address } from './host/network.ts'
export type { Logger } from './telemetry/logger.ts'

export interface BrokerOptions extends Partial<BrokerSettings> {
  /** Default: this machine. */
  host?: Host
  /** Default: silent. */
  logger?: Logger
}

/**
 * Starts a broker in this process. Without options: data in memory, a free port on the loopback interface, no HTTP port,
 * so that any number of them can run side by side. With `dataDirectory` the data is on disk, and what is acknowledged is
 * synced (`durability: 'fsync'`).
 *
 * @throws Error with a message fit for the user: bad settings, port taken, directory locked or damaged
 */
export function startBroker(options: BrokerOptions = {}): Promise<Broker> {
  const { host = createNodeHost(), logger = silentLogger, ...given } = options
  const settings: Partial<BrokerSettings> = {
    kafkaAddress: { host: '127.0.0.1', port: 0 },
    httpAddress: undefined,
    durability: given.dataDirectory === undefined ? 'memory' : 'fsync',
    ...given,
  }
  return Broker.start(settings, { host, http: new NodeHttpServer(), logger })
}
