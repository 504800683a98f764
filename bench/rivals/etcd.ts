import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { freePorts, startServer } from '../harness/process.ts'
import type { ServerProcess } from '../harness/process.ts'

const START_MS_MAX = 30_000
const HEALTH_MS_MAX = 1000

/** Starts the `etcd` on the PATH as a store of one member, with its own defaults, for the brokers of one cluster. */
export async function start(options: { dataDirectory: string }): Promise<ServerProcess> {
  const { dataDirectory } = options
  const [port, peerPort] = await freePorts(2)
  const client = `http://127.0.0.1:${port}`
  const peer = `http://127.0.0.1:${peerPort}`
  const flags = {
    name: 'bench',
    'data-dir': join(dataDirectory, 'data'),
    'log-level': 'warn',
    'listen-client-urls': client,
    'advertise-client-urls': client,
    'listen-peer-urls': peer,
    'initial-advertise-peer-urls': peer,
    'initial-cluster': `bench=${peer}`,
  }
  mkdirSync(dataDirectory, { recursive: true })
  return startServer({
    name: 'etcd (Debian: apt-get install etcd-server)',
    command: ['etcd', ...Object.entries(flags).flatMap(([flag, value]) => [`--${flag}`, value])],
    port: port!,
    isReady: () => isHealthy(client),
    logFile: join(dataDirectory, 'etcd.log'),
    startMsMax: START_MS_MAX,
  })
}

async function isHealthy(url: string): Promise<boolean> {
  try {
    const response = await fetch(`${url}/health`, { signal: AbortSignal.timeout(HEALTH_MS_MAX) })
    return response.ok && ((await response.json()) as { health?: string }).health === 'true'
  } catch (error) {
    // Not listening yet, or not answering yet.
    if (error instanceof TypeError || (error instanceof DOMException && error.name === 'TimeoutError')) return false
    throw error
  }
}
