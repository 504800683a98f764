import { Broker } from '../broker.ts'
import type { BrokerSettings } from '../config/broker-table.ts'
import { createNodeHost } from '../host/node/node-host.ts'
import { NodeHttpServer } from '../host/node/node-http.ts'
import { nodeProcessFacts } from '../host/node/node-process.ts'
import type { Logger } from '../telemetry/logger.ts'
import { addProcessMetrics } from '../telemetry/process-metrics.ts'

/** A broker that has this process to itself, so that its metrics tell of the process too. */
export function startBrokerProcess(settings: BrokerSettings, logger: Logger): Promise<Broker> {
  return Broker.start(settings, {
    host: createNodeHost(),
    http: new NodeHttpServer(),
    logger,
    addProcessMetrics: (registry) => addProcessMetrics(registry, nodeProcessFacts),
  })
}
