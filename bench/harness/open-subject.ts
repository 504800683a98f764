import { mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { installPackages } from '../clients/npm-packages.ts'
import { install as installKafka, start as startKafka } from '../rivals/kafka.ts'
import { start as startLimit } from '../rivals/limit.ts'
import { start as startPolylog } from '../rivals/polylog.ts'
import { start as startRabbitMq } from '../rivals/rabbitmq.ts'
import { start as startRedis } from '../rivals/redis.ts'
import type { ClientName } from '../clients/client.ts'
import { openCluster } from './cluster.ts'
import { evict } from './page-cache.ts'
import { freePort } from './process.ts'
import type { ServerProcess } from './process.ts'
import { parseSubjectName } from './subject-name.ts'
import type { SubjectName } from './subject-name.ts'
import type { Subject, SubjectOptions } from './subject.ts'

const NAMES =
  'host:port, polylog[-BROKERS[-rfREPLICAS]][:fsync|:os|:memory], kafka[-BROKERS[-rfREPLICAS]], limit[:fdatasync], ' +
  'rabbitmq, bullmq; one of the first three as well with +lean, +kafkajs or +platformatic'

type Start = (dataDirectory: string, port: number) => Promise<ServerProcess>

/** Opens brokers one after the other; one that is there already is not started again for another client. */
export class Subjects {
  readonly #options: Omit<SubjectOptions, 'pid'>
  readonly #byBroker = new Map<string, Subject>()

  constructor(options: Omit<SubjectOptions, 'pid'>) {
    this.#options = options
  }

  /** @throws a sentence for a name that means nothing */
  async open(name: string, pid: number | undefined): Promise<Subject> {
    const [broker = name, client] = name.split('+')
    const key = broker === 'polylog' ? 'polylog:fsync' : broker
    const parsed = parseSubjectName(client === undefined ? 'polylog' : `polylog+${client}`)
    if (parsed === undefined) throw new Error(`"${name}" is none of ${NAMES}`)
    let base = this.#byBroker.get(key)
    const isNew = base === undefined
    base ??= await openSubject(broker, { ...this.#options, pid })
    this.#byBroker.set(key, base)
    if (client === undefined) return base
    const stop = isNew ? base.stop : () => Promise.resolve()
    return { ...base, name, pids: base.pids, client: parsed.client, isForClient: true, stop }
  }
}

/**
 * Opens what a name stands for: a running broker (`host:port`), or one started here, alone (`polylog:os`, `kafka`) or as a
 * cluster (`polylog-3:fsync`, `kafka-3`, `polylog-3-rf1`). Throws a sentence for any other.
 */
async function openSubject(name: string, options: SubjectOptions): Promise<Subject> {
  const parsed = parseSubjectName(name)
  if (parsed !== undefined) {
    const { product, brokers } = parsed
    if (product === 'kafka') await installKafka()
    if (product === 'rabbitmq' || product === 'bullmq') await installPackages()
    if (brokers > 1) return openCluster(name, parsed, options)
    return manage(name, product, options.directory, starterOf(parsed, options))
  }
  const external = /^(.+):(\d+)$/.exec(name)
  if (!external) throw new Error(`"${name}" is none of ${NAMES}`)
  const address = { host: external[1]!, port: Number(external[2]) }
  const pids = options.pid === undefined ? [] : [options.pid]
  const stop = () => Promise.resolve()
  return { ...alone, name, address, pids, keepsRecords: true, speaksKafka: true, client: 'sdk', stop }
}

const alone = { storePids: [], replicas: 1, metrics: [], isForClient: false } as const

/** Who drives a broker unless its name says otherwise. */
const usualClients = {
  polylog: 'sdk',
  kafka: 'sdk',
  limit: undefined,
  rabbitmq: 'rabbitmq',
  bullmq: 'bullmq',
} as const satisfies Record<SubjectName['product'], ClientName | undefined>

function starterOf({ product, variant }: SubjectName, { polylogCommand }: SubjectOptions): Start {
  if (product === 'kafka') return (dataDirectory, port) => startKafka({ dataDirectory, port })
  if (product === 'limit')
    return (dataDirectory, port) => startLimit({ dataDirectory, port, sync: variant === 'fdatasync' })
  if (product === 'rabbitmq') return (dataDirectory, port) => startRabbitMq({ dataDirectory, port })
  if (product === 'bullmq') return (dataDirectory, port) => startRedis({ dataDirectory, port })
  const command = polylogCommand ? { command: polylogCommand } : {}
  return (dataDirectory, port) => startPolylog({ dataDirectory, port, durability: variant ?? 'fsync', ...command })
}

async function manage(name: string, product: SubjectName['product'], parent: string, start: Start): Promise<Subject> {
  const directory = mkdtempSync(join(parent, `${name.replace(':', '-')}-`))
  const port = await freePort()
  let running = await start(directory, port).catch((error: unknown) => {
    rmSync(directory, { recursive: true, force: true })
    throw error
  })
  return {
    name,
    ...alone,
    address: { host: '127.0.0.1', port },
    keepsRecords: product !== 'limit',
    speaksKafka: product !== 'rabbitmq' && product !== 'bullmq',
    client: usualClients[product],
    get pids() {
      return [running.pid]
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
