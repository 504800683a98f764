import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { freePorts, listens, startServer } from '../harness/process.ts'
import type { ServerProcess } from '../harness/process.ts'

const START_MS_MAX = 120_000
/** What Debian puts on the PATH changes to another user first, who may not write where our data are. */
const DEBIAN_SCRIPT = '/usr/lib/rabbitmq/bin/rabbitmq-server'

/**
 * Starts RabbitMQ with its defaults on loopback, with data, cookie, names and port mapper of its own, so that one which the
 * machine may run is left alone.
 */
export async function start(options: { dataDirectory: string; port: number }): Promise<ServerProcess> {
  const { dataDirectory, port } = options
  const [mapperPort, distributionPort] = await freePorts(2)
  mkdirSync(dataDirectory, { recursive: true })
  const mapper = await startServer({
    name: 'epmd (comes with Erlang; Debian: apt-get install rabbitmq-server)',
    command: ['epmd', '-address', '127.0.0.1', '-port', String(mapperPort)],
    port: mapperPort!,
    isReady: () => listens(mapperPort!),
    logFile: join(dataDirectory, 'epmd.log'),
    startMsMax: START_MS_MAX,
  })
  try {
    const server = await startServer({
      name: 'RabbitMQ (Debian: apt-get install rabbitmq-server)',
      command: ['env', ...environment(dataDirectory, port, mapperPort!, distributionPort!), program()],
      port,
      isReady: () => listens(port),
      logFile: join(dataDirectory, 'rabbitmq.log'),
      startMsMax: START_MS_MAX,
    })
    return {
      ...server,
      async stop() {
        await server.stop()
        await mapper.stop()
      },
    }
  } catch (error) {
    await mapper.stop()
    throw error
  }
}

function program(): string {
  return existsSync(DEBIAN_SCRIPT) ? DEBIAN_SCRIPT : 'rabbitmq-server'
}

function environment(directory: string, port: number, mapperPort: number, distributionPort: number): string[] {
  const configuration = join(directory, 'rabbitmq.conf')
  const plugins = join(directory, 'enabled_plugins')
  writeFileSync(configuration, `listeners.tcp.default = 127.0.0.1:${port}\n`)
  writeFileSync(plugins, '[].\n')
  const variables = {
    HOME: directory,
    ERL_EPMD_PORT: mapperPort,
    ERL_EPMD_ADDRESS: '127.0.0.1',
    RABBITMQ_NODENAME: `bench${port}@localhost`,
    RABBITMQ_DIST_PORT: distributionPort,
    RABBITMQ_CONF_ENV_FILE: join(directory, 'none.conf'),
    RABBITMQ_CONFIG_FILE: configuration,
    RABBITMQ_ENABLED_PLUGINS_FILE: plugins,
    RABBITMQ_MNESIA_BASE: join(directory, 'data'),
    RABBITMQ_LOG_BASE: join(directory, 'log'),
    // The script becomes the server, instead of watching over it: its process id is that of the server.
    RUNNING_UNDER_SYSTEMD: 'true',
  }
  return Object.entries(variables).map(([name, value]) => `${name}=${value}`)
}
