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
import type { Authenticator } from './auth/authenticator.ts'
import type { Authorizer } from './auth/authorizer.ts'
import { Broker } from './broker.ts'
import { checkOptions } from './broker-options.ts'
import type { BrokerSettings } from './config/broker-table.ts'
import type { Host } from './host/host.ts'
import { createNodeHost } from './host/node/node-host.ts'
import { NodeHttpServer } from './host/node/node-http.ts'
import type { Logger } from './telemetry/logger.ts'
import { silentLogger } from './telemetry/logger.ts'

export type { Authenticator, LoginExchange, LoginStep } from './auth/authenticator.ts'
export type { PasswordJudge } from './auth/password-authenticator.ts'
export { passwordAuthenticator } from './auth/password-authenticator.ts'
export type { Authorizer, Resource } from './auth/authorizer.ts'
export type { Principal } from './auth/principal.ts'
export { Broker } from './broker.ts'
export type { BrokerSettings } from './config/broker-table.ts'
export type { Operation, ResourceType } from './image/acl.ts'
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
  /** Says who clients are. Default: users of the cluster if `saslMechanisms` is set, else nobody need log in. */
  authenticator?: Authenticator
  /** Says what clients may do. Default: access rules if `authorizerKind` is `acl`, else everybody may do everything. */
  authorizer?: Authorizer
}

/**
 * Starts a broker in this process. Without options: data in memory, a free port on the loopback interface, no HTTP port,
 * so that any number of them can run side by side. With `dataDirectory` the data is on disk, and what is acknowledged is
 * synced (`durability: 'fsync'`).
 *
 * @throws Error with a message fit for the user: bad settings, port taken, directory locked or damaged
 */
export async function startBroker(options: BrokerOptions = {}): Promise<Broker> {
  checkOptions(options)
  const { host = createNodeHost(), logger = silentLogger, authenticator, authorizer, ...given } = options
  const settings: Partial<BrokerSettings> = {
    kafkaAddress: { host: '127.0.0.1', port: 0 },
    httpAddress: undefined,
    durability: given.dataDirectory === undefined ? 'memory' : 'fsync',
    ...given,
  }
  return Broker.start(settings, {
    host,
    http: new NodeHttpServer(),
    logger,
    authenticator,
    authorizer,
    openCertificates: async (files, tell) =>
      new (await import('./host/node/certificate-files.ts')).CertificateFiles(files, tell),
    openHttpClient: async (tls) => new (await import('./host/node/node-http-client.ts')).NodeHttpClient({ tls }),
  })
}
