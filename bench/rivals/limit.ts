import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { startServer } from '../harness/process.ts'
import type { ServerProcess } from '../harness/process.ts'

/** Starts the minimal server in a process of its own, as brokers are. */
export function start(options: { dataDirectory: string; port: number; sync: boolean }): Promise<ServerProcess> {
  const { dataDirectory, port, sync } = options
  const main = fileURLToPath(new URL('../load/limit-main.ts', import.meta.url))
  mkdirSync(dataDirectory, { recursive: true })
  return startServer({
    name: sync ? 'limit server (fdatasync)' : 'limit server',
    command: [process.execPath, main, join(dataDirectory, 'appended'), String(port), ...(sync ? ['--fdatasync'] : [])],
    port,
    logFile: join(dataDirectory, 'broker.log'),
    startMsMax: 20_000,
  })
}
