import { mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { install as installKafka, start as startKafka } from '../rivals/kafka.ts'
import { start as startLimit } from '../rivals/limit.ts'
import { start as startPolylog } from '../rivals/polylog.ts'
import type { Address } from './call.ts'
import { evict } from './page-cache.ts'
import { freePort } from './process.ts'
import type { ServerProcess } from './process.ts'

/** A broker under test. */
export interface Subject {
  readonly name: string
  readonly address: Address
  readonly pid: number | undefined
  /** Whether it keeps what it acknowledges; the limit server does not, so nothing of it can be checked. */
  readonly keepsRecords: boolean
  /** Stops it, throws its files out of the page cache, starts it on the same data. Absent for brokers started by others. */
  restartCold?(): Promise<void>
  /** Starts another one on an empty directory, passes it to `use`, and removes it. Absent for brokers started by others. */
  withFresh?<T>(use: (process: ServerProcess) => Promise<T>): Promise<T>
  stop(): Promise<void>
}

export interface SubjectOptions {
  /** Parent of the data directories. */
  readonly directory: string
  readonly pid: number | undefined
  /** Program and arguments that run the `polylog` command. */
  readonly polylogCommand: readonly string[] | undefined
}

type Start = (dataDirectory: string, port: number) => Promise<ServerProcess>

/**
 * Opens the broker a name stands for: `host:port` (running already), `polylog[:fsync|:os|:memory]`, `kafka`,
 * `limit[:fdatasync]`. Throws a sentence for any other.
 */
export async function openSubject(name: string, options: SubjectOptions): Promise<Subject> {
  const [kind, variant] = name.split(':')
  const polylog = options.polylogCommand ? { command: options.polylogCommand } : {}
  if (kind === 'polylog' && [undefined, 'fsync', 'os', 'memory'].includes(variant)) {
    const durability = variant ?? 'fsync'
    return manage(name, true, options.directory, (dataDirectory, port) =>
      startPolylog({ dataDirectory, port, durability, ...polylog }),
    )
  }
  if (kind === 'limit' && [undefined, 'fdatasync'].includes(variant)) {
    const sync = variant === 'fdatasync'
    return manage(name, false, options.directory, (dataDirectory, port) => startLimit({ dataDirectory, port, sync }))
  }
  if (name === 'kafka') {
    await installKafka()
    return manage(name, true, options.directory, (dataDirectory, port) => startKafka({ dataDirectory, port }))
  }
  const external = /^(.+):(\d+)$/.exec(name)
  if (!external) {
    throw new Error(`"${name}" is neither host:port nor one of polylog[:fsync|:os|:memory], kafka, limit[:fdatasync]`)
  }
  const address = { host: external[1]!, port: Number(external[2]) }
  return { name, address, pid: options.pid, keepsRecords: true, stop: () => Promise.resolve() }
}

async function manage(name: string, keepsRecords: boolean, parent: string, start: Start): Promise<Subject> {
  const directory = mkdtempSync(join(parent, `${name.replace(':', '-')}-`))
  const port = await freePort()
  let running = await start(directory, port).catch((error: unknown) => {
    rmSync(directory, { recursive: true, force: true })
    throw error
  })
  return {
    name,
    address: { host: '127.0.0.1', port },
    keepsRecords,
    get pid() {
      return running.pid
    },
    async restartCold() {
      await running.stop()
      evict(directory)
      running = await start(directory, port)
    },
    async withFresh(use) {
      const fresh = mkdtempSync(join(parent, 'fresh-'))
      try {
        const server = await start(fresh, await freePort())
        try {
          return await use(server)
        } finally {
          await server.stop()
        }
      } finally {
        rmSync(fresh, { recursive: true, force: true })
      }
    },
    async stop() {
      await running.stop()
      rmSync(directory, { recursive: true, force: true })
    },
  }
}
