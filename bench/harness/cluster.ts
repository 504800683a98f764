import { mkdtempSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { start as startEtcd } from '../rivals/etcd.ts'
import { newClusterId, start as startKafka } from '../rivals/kafka.ts'
import { start as startPolylog } from '../rivals/polylog.ts'
import { freePorts } from './process.ts'
import type { ServerProcess } from './process.ts'
import type { SubjectName } from './subject-name.ts'
import type { Subject, SubjectOptions } from './subject.ts'
import { brokerCount, topicMetadata } from './topic-metadata.ts'

const JOIN_MS_MAX = 60_000
const POLL_MS = 50
const SPREAD_MS_MAX = 90_000
/** Exists from the start where the first broker makes it for itself; elsewhere it is made when needed. */
const INTERNAL_TOPIC = '__consumer_offsets'

interface Cluster {
  readonly brokers: readonly Promise<ServerProcess>[]
  readonly store?: ServerProcess
  /** Ports of the brokers' metrics. */
  readonly metricsPorts: readonly number[]
}

/** Starts the brokers of a cluster, all at once, on loopback, and resolves when each of them knows all others. */
export async function openCluster(name: string, parsed: SubjectName, options: SubjectOptions): Promise<Subject> {
  const directory = mkdtempSync(join(options.directory, `${name.replace(':', '-')}-`))
  const ports = await freePorts(parsed.brokers)
  const start =
    parsed.product === 'kafka' ? startKafkas(directory, ports) : startPolylogs(directory, ports, parsed, options)
  const { brokers, store, metricsPorts } = await start
  const stop = async () => {
    const started = (await Promise.allSettled(brokers)).flatMap((broker) =>
      broker.status === 'fulfilled' ? [broker.value] : [],
    )
    await Promise.all(started.map((broker) => broker.stop()))
    await store?.stop()
    rmSync(directory, { recursive: true, force: true })
  }
  try {
    const running = await Promise.all(brokers)
    const addresses = running.map(({ port }) => addressOf(port))
    for (const address of addresses) await waitForBrokers(address, brokers.length)
    await waitForSpread(addresses[0]!, brokers.length)
    return {
      name,
      address: addresses[0]!,
      pids: running.map(({ pid }) => pid),
      storePids: store === undefined ? [] : [store.pid],
      speaksKafka: true,
      client: 'sdk',
      isForClient: false,
      replicas: parsed.replicas,
      metrics: metricsPorts.map(addressOf),
      keepsRecords: true,
      stop,
    }
  } catch (error) {
    await stop()
    throw error
  }
}

function addressOf(port: number): { host: string; port: number } {
  return { host: '127.0.0.1', port }
}

async function startKafkas(directory: string, ports: readonly number[]): Promise<Cluster> {
  const controllerPorts = await freePorts(ports.length)
  const clusterId = newClusterId()
  const brokers = ports.map((port, i) =>
    startKafka({
      dataDirectory: join(directory, `node-${i + 1}`),
      port,
      member: { id: i + 1, clusterId, controllerPorts },
    }),
  )
  return { brokers, metricsPorts: [] }
}

async function startPolylogs(
  directory: string,
  ports: readonly number[],
  { variant }: SubjectName,
  { polylogCommand }: SubjectOptions,
): Promise<Cluster> {
  const metricsPorts = await freePorts(ports.length)
  const store = await startEtcd({ dataDirectory: join(directory, 'etcd') })
  const brokers = ports.map((port, i) =>
    startPolylog({
      dataDirectory: join(directory, `broker-${i + 1}`),
      port,
      durability: variant ?? 'fsync',
      member: { id: i + 1, metadata: `etcd://127.0.0.1:${store.port}`, httpPort: metricsPorts[i]! },
      ...(polylogCommand ? { command: polylogCommand } : {}),
    }),
  )
  return { brokers, store, metricsPorts }
}

async function waitForBrokers(address: { host: string; port: number }, count: number): Promise<void> {
  const givenUpAtMs = performance.now() + JOIN_MS_MAX
  while ((await brokerCount(address)) < count) {
    if (performance.now() > givenUpAtMs) throw new Error(`the brokers did not find each other in ${JOIN_MS_MAX} ms`)
    await delay(POLL_MS)
  }
}

/**
 * A topic that began on the first broker alone gets replicas, and half a minute later leaders, on the others. That is no
 * part of what is measured, so it is waited for; a cluster that never gets there is measured as it is.
 */
async function waitForSpread(address: { host: string; port: number }, count: number): Promise<void> {
  const givenUpAtMs = performance.now() + SPREAD_MS_MAX
  for (;;) {
    const { leaders, replicasOutOfSync } = await topicMetadata(address, INTERNAL_TOPIC)
    const isSpread = replicasOutOfSync === 0 && new Set(leaders).size >= Math.min(count, leaders.length)
    if (isSpread || performance.now() > givenUpAtMs) return
    await delay(POLL_MS)
  }
}
