import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { freePorts, startServer } from '../harness/process.ts'
import type { ServerProcess } from '../harness/process.ts'
import { runToEnd } from '../harness/run-to-end.ts'

const POM = fileURLToPath(new URL('./pom.xml', import.meta.url))
const COPY_GOAL = 'org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies'
const START_MS_MAX = 120_000

/** What kafka-server-start.sh and kafka-run-class.sh pass when nothing is configured, except for the GC log and JMX. */
const JVM_OPTIONS = [
  '-Xmx1G',
  '-Xms1G',
  '-server',
  '-XX:+UseG1GC',
  '-XX:MaxGCPauseMillis=20',
  '-XX:InitiatingHeapOccupancyPercent=35',
  '-XX:+ExplicitGCInvokesConcurrent',
  '-Djava.awt.headless=true',
]

const LOG_CONFIGURATION = `rootLogger.level=WARN
rootLogger.appenderRef.stdout.ref=STDOUT
appender.stdout.type=Console
appender.stdout.name=STDOUT
appender.stdout.layout.type=PatternLayout
appender.stdout.layout.pattern=[%d] %p %m (%c)%n
`

/** The version that pom.xml names. */
function kafkaVersion(): string {
  const version = /<kafka\.version>([^<]+)</.exec(readFileSync(POM, 'utf8'))?.[1]
  if (version === undefined) throw new Error(`${POM} names no kafka.version`)
  return version
}

function jarDirectory(): string {
  return join(homedir(), '.cache', 'polylog-bench', `kafka-${kafkaVersion()}`, 'jars')
}

/** Downloads the published jars from Maven Central once, into a cache outside the checkout. Needs `java` and `mvn`. */
export async function install(): Promise<void> {
  await runToEnd('java', ['-version'], 'Apache Kafka needs Java 17 or newer')
  const directory = jarDirectory()
  if (existsSync(directory) && readdirSync(directory).some((name) => name.startsWith('kafka-server-'))) return
  mkdirSync(directory, { recursive: true })
  await runToEnd(
    'mvn',
    ['-q', '-B', '-f', POM, COPY_GOAL, `-DoutputDirectory=${directory}`, '-DincludeScope=runtime'],
    'the jars of Apache Kafka are fetched with Maven',
  )
}

/** Which node of a cluster, and what all nodes must agree on. */
export interface KafkaMember {
  /** From 1. */
  readonly id: number
  readonly clusterId: string
  /** Of every node, node 1 first. */
  readonly controllerPorts: readonly number[]
}

/**
 * Formats `dataDirectory` if it is new and runs a KRaft node (controller and broker) on loopback, alone or as a member. A
 * member answers only once enough others run, so all have to be started at once.
 */
export async function start(options: {
  dataDirectory: string
  port: number
  member?: KafkaMember
}): Promise<ServerProcess> {
  const { dataDirectory, port } = options
  const member = options.member ?? { id: 1, clusterId: newClusterId(), controllerPorts: [await freePortBut(port)] }
  const configuration = join(dataDirectory, 'server.properties')
  const isNew = !existsSync(configuration)
  mkdirSync(dataDirectory, { recursive: true })
  writeFileSync(configuration, properties(dataDirectory, port, member))
  const logging = join(dataDirectory, 'log4j2.properties')
  writeFileSync(logging, LOG_CONFIGURATION)
  const java = [`-Dlog4j2.configurationFile=${logging}`, '-cp', join(jarDirectory(), '*')]
  if (isNew) {
    const format = ['kafka.tools.StorageTool', 'format', '--config', configuration, '--cluster-id', member.clusterId]
    await runToEnd('java', [...java, ...format], 'Kafka formats its storage')
  }
  return startServer({
    name: `Apache Kafka ${kafkaVersion()}`,
    command: ['java', ...JVM_OPTIONS, ...java, 'kafka.Kafka', configuration],
    port,
    logFile: join(dataDirectory, 'broker.log'),
    startMsMax: START_MS_MAX,
  })
}

/** The port of the broker is not in use yet, so that it may come again. */
async function freePortBut(taken: number): Promise<number> {
  const ports = await freePorts(2)
  return ports.find((port) => port !== taken)!
}

/**
 * Defaults throughout (also `min.insync.replicas` = 1), except what a single node needs, no waiting for group members, and
 * prompt deletion of dropped topics.
 */
function properties(dataDirectory: string, port: number, { id, controllerPorts }: KafkaMember): string {
  const replicas = Math.min(3, controllerPorts.length)
  const settings = {
    'process.roles': 'broker,controller',
    'node.id': id,
    'controller.quorum.voters': controllerPorts.map((voter, i) => `${i + 1}@127.0.0.1:${voter}`).join(','),
    'controller.listener.names': 'CONTROLLER',
    listeners: `PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controllerPorts[id - 1]}`,
    'log.dirs': join(dataDirectory, 'logs'),
    'auto.create.topics.enable': true,
    'offsets.topic.replication.factor': replicas,
    'transaction.state.log.replication.factor': replicas,
    'transaction.state.log.min.isr': 1,
    'share.coordinator.state.topic.replication.factor': replicas,
    'share.coordinator.state.topic.min.isr': 1,
    'group.initial.rebalance.delay.ms': 0,
    'log.segment.delete.delay.ms': 1000,
  }
  return Object.entries(settings)
    .map(([key, value]) => `${key}=${value}\n`)
    .join('')
}

/** Kafka's form of a UUID: 22 characters of URL-safe base64, which must not begin with a dash. */
export function newClusterId(): string {
  const id = randomBytes(16).toString('base64url')
  return id.startsWith('-') ? `0${id.slice(1)}` : id
}
