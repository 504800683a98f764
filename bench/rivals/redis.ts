import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { listens, startServer } from '../harness/process.ts'
import type { ServerProcess } from '../harness/process.ts'

const START_MS_MAX = 30_000

/** Starts Redis on loopback with an append-only file that is synced before each answer, and no snapshots. */
export function start(options: { dataDirectory: string; port: number }): Promise<ServerProcess> {
  const { dataDirectory, port } = options
  mkdirSync(dataDirectory, { recursive: true })
  const flags = {
    bind: '127.0.0.1',
    port,
    dir: dataDirectory,
    appendonly: 'yes',
    appendfsync: 'always',
    save: '',
    'maxmemory-policy': 'noeviction',
    daemonize: 'no',
  }
  return startServer({
    name: 'Redis (Debian: apt-get install redis-server)',
    command: ['redis-server', ...Object.entries(flags).flatMap(([flag, value]) => [`--${flag}`, String(value)])],
    port,
    isReady: () => listens(port),
    logFile: join(dataDirectory, 'redis.log'),
    startMsMax: START_MS_MAX,
  })
}
