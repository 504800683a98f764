import { mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { startServer } from '../harness/process.ts'
import type { ServerProcess } from '../harness/process.ts'

const START_MS_MAX = 60_000

/** Starts Polylog from the checkout, or with another command such as the published bundle. */
export function start(options: {
  dataDirectory: string
  port: number
  durability: string
  /** As one broker of a cluster: its number, where the metadata store is, and the port for metrics. */
  member?: { id: number; metadata: string; httpPort: number }
  /** Program and arguments in front of `start`; default: this checkout's main.ts under this Node. */
  command?: readonly string[]
}): Promise<ServerProcess> {
  const { dataDirectory, port, durability, member } = options
  const main = fileURLToPath(new URL('../../packages/broker/src/main.ts', import.meta.url))
  const command = options.command ?? [process.execPath, main]
  mkdirSync(dataDirectory, { recursive: true })
  const http = `127.0.0.1:${member?.httpPort ?? 0}`
  const flags = ['--data', join(dataDirectory, 'data'), '--kafka', `127.0.0.1:${port}`, '--http', http]
  if (member !== undefined) flags.push('--metadata', member.metadata, '--broker-id', String(member.id))
  return startServer({
    name: `polylog (${durability})`,
    command: [...command, 'start', ...flags, '--json', '--durability', durability],
    port,
    logFile: join(dataDirectory, 'broker.log'),
    startMsMax: START_MS_MAX,
  })
}
