import { isatty } from 'node:tty'
import { Broker } from '../broker.ts'
import type { BrokerSettings } from '../config/broker-table.ts'
import { createNodeHost } from '../host/node/node-host.ts'
import { NodeHttpServer } from '../host/node/node-http.ts'
import { nodeProcessFacts } from '../host/node/node-process.ts'
import type { Logger } from '../telemetry/logger.ts'
import { addProcessMetrics } from '../telemetry/process-metrics.ts'

/** A broker that has this process to itself, so that its metrics tell of the process too. */
export async function startBrokerProcess(settings: BrokerSettings, logger: Logger): Promise<Broker> {
  const broker = await Broker.start(settings, {
    host: createNodeHost(),
    http: new NodeHttpServer(),
    logger,
    openCertificates: async (files, tell) =>
      new (await import('../host/node/certificate-files.ts')).CertificateFiles(files, tell),
    openHttpClient: async (tls) => new (await import('../host/node/node-http-client.ts')).NodeHttpClient({ tls }),
    addProcessMetrics: (registry) => addProcessMetrics(registry, nodeProcessFacts),
  })
  // From a terminal the signal means that it was closed, and the broker ends as everything in it.
  if (settings.tlsCertificate !== '' && !isatty(2)) process.on('SIGHUP', () => broker.reloadCertificates())
  return broker
}
