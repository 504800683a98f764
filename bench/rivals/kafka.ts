import { spawn } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { freePort, startServer } from '../harness/process.ts'
import type { ServerProcess } from '../harness/process.ts'

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
  await run('java', ['-version'], 'Apache Kafka needs Java 17 or newer')
  const directory = jarDirectory()
  if (existsSync(directory) && readdirSync(directory).some((name) => name.startsWith('kafka-server-'))) return
  mkdirSync(directory, { recursive: true })
  await run(
    'mvn',
    ['-q', '-B', '-f', POM, COPY_GOAL, `-DoutputDirectory=${directory}`, '-DincludeScope=runtime'],
    'the jars of Apache Kafka are fetched with Maven',
  )
}

/** Formats `dataDirectory` if it is new and runs one KRaft node (controller and broker) on loopback. */
export async function start(options: { dataDirectory: string; port: number }): Promise<ServerProcess> {
  const { dataDirectory, port } = options
  const configuration = join(dataDirectory, 'server.properties')
  const isNew = !existsSync(configuration)
  mkdirSync(dataDirectory, { recursive: true })
  writeFileSync(configuration, properties(dataDirectory, port, await freePort()))
  const logging = join(dataDirectory, 'log4j2.properties')
  writeFileSync(logging, LOG_CONFIGURATION)
  const java = [`-Dlog4j2.configurationFile=${logging}`, '-cp', join(jarDirectory(), '*')]
  if (isNew) {
    const format = ['kafka.tools.StorageTool', 'format', '--config', configuration, '--cluster-id', clusterId()]
    await run('java', [...java, ...format], 'Kafka formats its storage')
  }
  return startServer({
    name: `Apache Kafka ${kafkaVersion()}`,
    command: ['java', ...JVM_OPTIONS, ...java, 'kafka.Kafka', configuration],
    port,
    logFile: join(dataDirectory, 'broker.log'),
    startMsMax: START_MS_MAX,
  })
}

/** Defaults throughout, except what a single node needs, no waiting for group members, and prompt deletion of dropped topics. */
function properties(dataDirectory: string, port: number, controllerPort: number): string {
  const settings = {
    'process.roles': 'broker,controller',
    'node.id': 1,
    'controller.quorum.voters': `1@127.0.0.1:${controllerPort}`,
    'controller.listener.names': 'CONTROLLER',
    listeners: `PLAINTEXT://127.0.0.1:${port},CONTROLLER://127.0.0.1:${controllerPort}`,
    'log.dirs': join(dataDirectory, 'logs'),
    'auto.create.topics.enable': true,
    'offsets.topic.replication.factor': 1,
    'transaction.state.log.replication.factor': 1,
    'transaction.state.log.min.isr': 1,
    'share.coordinator.state.topic.replication.factor': 1,
    'share.coordinator.state.topic.min.isr': 1,
    'group.initial.rebalance.delay.ms': 0,
    'log.segment.delete.delay.ms': 1000,
  }
  return Object.entries(settings)
    .map(([key, value]) => `${key}=${value}\n`)
    .join('')
}

/** Kafka's form of a UUID: 22 characters of URL-safe base64, which must not begin with a dash. */
function clusterId(): string {
  const id = randomBytes(16).toString('base64url')
  return id.startsWith('-') ? `0${id.slice(1)}` : id
}

/** Runs a program to its end; rejects with why it was needed and the end of what it said. */
function run(program: string, args: readonly string[], why: string): Promise<void> {
  return new Promise((resolve, reject) => {
    let said = ''
    const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'] })
    const listen = (chunk: Buffer) => (said = (said + chunk.toString()).slice(-2000))
    child.stdout.on('data', listen)
    child.stderr.on('data', listen)
    child.once('error', (error) => reject(new Error(`cannot run ${program} (${error.message}); ${why}`)))
    child.once('close', (code) => {
      if (code === 0) resolve()
      else reject(new Error(`${program} failed with ${code}; ${why}\n${said}`))
    })
  })
}
