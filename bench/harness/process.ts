import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, openSync, readFileSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { setTimeout as delay } from 'node:timers/promises'
import { apiVersions } from './admin.ts'

const POLL_MS = 2
const STOP_MS_MAX = 60_000
const LOG_TAIL_CHARACTERS = 2000

/** A server process the harness started. */
export interface ServerProcess {
  readonly port: number
  readonly pid: number
  /** Milliseconds from exec until it was ready: for a broker, to the first answered ApiVersions. */
  readonly startMs: number
  /** SIGTERM, then SIGKILL after a minute; resolves once the process is gone. */
  stop(): Promise<void>
}

export interface ServerCommand {
  readonly name: string
  /** Program and arguments. */
  readonly command: readonly string[]
  readonly port: number
  /** Whether it serves; default: it answers ApiVersions on its port. */
  readonly isReady?: () => Promise<boolean>
  /** Takes stdout and stderr; its end is shown when the start fails. */
  readonly logFile: string
  readonly startMsMax: number
}

const running = new Set<ChildProcess>()
// A harness that dies must not leave brokers behind.
process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL')
})
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.on(signal, () => process.exit(130))

/** Starts a server and waits until it is ready; rejects with the end of its log if that does not come to pass. */
export async function startServer(options: ServerCommand): Promise<ServerProcess> {
  const log = openSync(options.logFile, 'a')
  // Raising the limit of open files needs no rights below the hard limit; where it is refused the default stays.
  const script = 'ulimit -n 1000000 2>/dev/null || ulimit -n "$(ulimit -Hn)"; exec "$@"'
  const startedAtMs = performance.now()
  const child = spawn('sh', ['-c', script, 'sh', ...options.command], { stdio: ['ignore', log, log] })
  closeSync(log)
  running.add(child)
  const exited = new Promise<string>((resolve) => {
    child.once('error', (error) => resolve(error.message))
    child.once('exit', (code, signal) => {
      running.delete(child)
      resolve(`it exited with ${signal ?? code}`)
    })
  })
  const isReady = options.isReady ?? (() => answers(options.port))
  let death: string | undefined
  void exited.then((reason) => (death = reason))
  for (;;) {
    if (await isReady()) break
    if (performance.now() - startedAtMs > options.startMsMax)
      death ??= `no answer on port ${options.port} in ${options.startMsMax} ms`
    if (death !== undefined) {
      child.kill('SIGKILL')
      const tail = readFileSync(options.logFile, 'utf8').slice(-LOG_TAIL_CHARACTERS)
      throw new Error(`${options.name} did not start: ${death}. The end of ${options.logFile}:\n${tail}`)
    }
    await delay(POLL_MS)
  }
  return {
    port: options.port,
    pid: child.pid!,
    startMs: performance.now() - startedAtMs,
    async stop() {
      child.kill('SIGTERM')
      const killer = setTimeout(() => child.kill('SIGKILL'), STOP_MS_MAX)
      await exited
      clearTimeout(killer)
    },
  }
}

async function answers(port: number): Promise<boolean> {
  try {
    await apiVersions({ host: '127.0.0.1', port }, 5000)
    return true
  } catch {
    // Nobody listens yet, or the listener is not ready to answer: both mean "ask again".
    return false
  }
}

/** Whether anybody accepts connections. */
export function listens(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ host: '127.0.0.1', port })
    socket.once('connect', () => {
      socket.destroy()
      resolve(true)
    })
    socket.once('error', () => resolve(false))
  })
}

/** A TCP port of the loopback address that was free a moment ago. */
export async function freePort(): Promise<number> {
  const [port] = await freePorts(1)
  return port!
}

/** Several of them, all different. */
export async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'))
  await Promise.all(servers.map((server) => once(server, 'listening')))
  const ports = servers.map((server) => (server.address() as AddressInfo).port)
  await Promise.all(servers.map((server) => once(server.close(), 'close')))
  return ports
}
