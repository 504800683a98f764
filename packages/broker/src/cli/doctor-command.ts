import { accessSync, constants, existsSync, statfsSync } from 'node:fs'
import { dirname, resolve } from 'node:path'
import { ClientError, Cluster, listAcls, listOffsets } from '@polylog/client/admin'
import type { ClusterInfo, ClusterOptions } from '@polylog/client/admin'
import { clusterOptionsOf, printJson } from './client-session.ts'
import type { Command, CommandContext } from './command.ts'
import { brokerFlag, jsonFlag } from './flags.ts'
import { exitCodes } from './exit-code.ts'
import { formatBytes } from './table.ts'

/** Oldest Node.js that the broker runs on. */
const nodeWanted = [24, 12] as const

/** Less free space than this is reported: journal and segments are about to fail. */
const freeBytesWanted = 1024 * 1024 * 1024

/** What one look found. A warning does not make the command fail. */
interface Finding {
  check: string
  state: 'ok' | 'warning' | 'failed'
  detail: string
  /** What to do about it. */
  advice?: string
}

export const doctorCommand: Command = {
  summary: 'Check this machine and a broker, and explain what is wrong and what to do. Changes nothing.',
  usage: '[--broker HOST:PORT] [--data DIR]',
  examples: [
    ['polylog doctor', 'this machine, ./polylog-data, and the broker on 127.0.0.1:9092'],
    ['polylog doctor --broker kafka.example:9092', 'what a client would see of another broker'],
  ],
  flags: {
    data: { type: 'string', value: 'DIR', documentation: 'Data folder to check (default ./polylog-data).' },
    ...jsonFlag,
    ...brokerFlag,
  },
  words: [0, 0],
  run: async (context) => {
    const directory = resolve(context.arguments.text('data') ?? './polylog-data')
    const findings = [checkNode(), checkClock(), checkDirectory(directory), checkSpace(directory)]
    findings.push(...(await checkBroker(await clusterOptionsOf(context, 'polylog-doctor'))))
    await report(context, findings)
    return findings.some(({ state }) => state === 'failed') ? exitCodes.failed : exitCodes.ok
  },
}

function checkNode(): Finding {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
  const isNew = major > nodeWanted[0] || (major === nodeWanted[0] && minor >= nodeWanted[1])
  const detail = `${process.version} on ${process.platform} ${process.arch}`
  const advice = `install Node.js ${nodeWanted.join('.')} or newer`
  return isNew ? { check: 'Node.js', state: 'ok', detail } : { check: 'Node.js', state: 'failed', detail, advice }
}

/** A clock far off makes records too old or too new for the limits of topics. */
function checkClock(): Finding {
  const now = new Date()
  const detail = now.toISOString()
  if (now.getUTCFullYear() >= 2026 && now.getUTCFullYear() < 2100) return { check: 'clock', state: 'ok', detail }
  return { check: 'clock', state: 'failed', detail, advice: 'set the clock: retention and timestamps depend on it' }
}

function checkDirectory(directory: string): Finding {
  const existing = nearestExisting(directory)
  const check = 'data folder'
  try {
    accessSync(existing, constants.R_OK | constants.W_OK | constants.X_OK)
  } catch (error) {
    const reason = error instanceof Error ? error.message : String(error)
    return {
      check,
      state: 'failed',
      detail: reason,
      advice: 'choose another folder with --data, or give this user the right to write',
    }
  }
  return {
    check,
    state: 'ok',
    detail: existing === directory ? directory : `${directory} (does not exist yet, can be made)`,
  }
}

function checkSpace(directory: string): Finding {
  const { bavail, bsize } = statfsSync(nearestExisting(directory))
  const freeBytes = bavail * bsize
  const detail = `${formatBytes(freeBytes)} free`
  if (freeBytes >= freeBytesWanted) return { check: 'disk space', state: 'ok', detail }
  return {
    check: 'disk space',
    state: 'warning',
    detail,
    advice: 'make room: a broker whose disk is full takes no records',
  }
}

function nearestExisting(path: string): string {
  return existsSync(path) || dirname(path) === path ? path : nearestExisting(dirname(path))
}

async function checkBroker(options: ClusterOptions): Promise<Finding[]> {
  const findings: Finding[] = []
  await using cluster = new Cluster({ ...options, requestTimeoutMs: 5000 })
  try {
    const began = performance.now()
    const versions = await cluster.versions()
    const took = (performance.now() - began).toFixed(1)
    findings.push({
      check: 'connection',
      state: 'ok',
      detail: `${options.brokers} answered ApiVersions in ${took} ms with ${versions.size} APIs`,
    })
    const info = await cluster.describe()
    findings.push(
      metadataFinding(info),
      leaderFinding(info),
      await reachFinding(info, options),
      await readFinding(cluster, info),
      ...(await ruleFindings(cluster)),
    )
  } catch (error) {
    if (!(error instanceof ClientError)) throw error
    const advice = adviceFor(error)
    findings.push({
      check: 'connection',
      state: 'failed',
      detail: error.message,
      ...(advice === undefined ? {} : { advice }),
    })
  }
  return findings
}

function adviceFor(error: ClientError): string | undefined {
  if (error.code === 'unreachable')
    return 'start a broker with "polylog start", or name another with --broker HOST:PORT'
  if (error.code === 'authentication-failed')
    return 'name a user with --user and --password-file; "polylog user list" lists them'
  if (error.code === 'tls-failed') return 'name the authority of the broker with --tls-ca; docs/security.md has more'
  if (error.code === 'not-kafka') return 'check the port: 9092 is for Kafka clients, 15672 for HTTP'
  if (error.code === 'timed-out') return 'a firewall may drop packets, or the broker is overloaded; look at its log'
  return undefined
}

function metadataFinding({ clusterId, brokers, topics }: ClusterInfo): Finding {
  const detail = `cluster ${clusterId ?? '(unnamed)'}, ${brokers.length} broker(s), ${topics.length} topic(s)`
  return { check: 'metadata', state: 'ok', detail }
}

function leaderFinding({ topics }: ClusterInfo): Finding {
  const leaderless = topics.flatMap(({ name, partitions }) =>
    partitions.filter((p) => p.leader < 0).map((p) => `${name}/${p.index}`),
  )
  if (leaderless.length === 0) return { check: 'leaders', state: 'ok', detail: 'every partition has a leader' }
  const detail = `${leaderless.length} partition(s) without a leader: ${leaderless.slice(0, 5).join(', ')}`
  return { check: 'leaders', state: 'failed', detail, advice: 'start the brokers that hold their replicas' }
}

/** Clients go on with the addresses in the metadata; one that they cannot reach is the commonest trap of all. */
async function reachFinding({ brokers }: ClusterInfo, options: ClusterOptions): Promise<Finding> {
  const unreachable: string[] = []
  for (const { host, port } of brokers) {
    const address = host.includes(':') ? `[${host}]:${port}` : `${host}:${port}`
    await using single = new Cluster({ ...options, brokers: address, requestTimeoutMs: 5000 })
    const failure = await single.versions().then(
      () => undefined,
      (error: unknown) => (error instanceof Error ? error.message : String(error)),
    )
    if (failure !== undefined) unreachable.push(failure)
  }
  const check = 'advertised addresses'
  if (unreachable.length === 0)
    return { check, state: 'ok', detail: 'every broker can be reached at the address it tells clients' }
  const advice = 'clients would connect and then fail; set "advertised.address" to one that they can reach'
  return { check, state: 'failed', detail: unreachable.join('; '), advice }
}

/** A read-only look at one topic, as a consumer's first step. */
async function readFinding(cluster: Cluster, { topics }: ClusterInfo): Promise<Finding> {
  const topic = topics.find(({ internal }) => !internal)
  if (topic === undefined) return { check: 'reading', state: 'ok', detail: 'there is no topic to read yet' }
  const indexes = topic.partitions.filter(({ leader }) => leader >= 0).map(({ index }) => index)
  const ends = await listOffsets(cluster, topic.name, indexes, 'end')
  return { check: 'reading', state: 'ok', detail: `topic ${topic.name} told the ends of ${ends.size} partition(s)` }
}

/** A broker denies everybody what it cannot read a rule about. Nothing is found where rules are not asked, or not shown to us. */
async function ruleFindings(cluster: Cluster): Promise<Finding[]> {
  const check = 'access rules'
  try {
    const denial = { permission: 'deny', operation: 'all', principal: 'User:*', host: '*' } as const
    const denied = await listAcls(cluster, denial)
    if (denied.length === 0) return [{ check, state: 'ok', detail: 'nothing is denied to everybody' }]
    const names = denied.slice(0, 5).map(({ resourceType, resourceName }) => `${resourceType} ${resourceName}`)
    const detail = `${denied.length} deny everything to everybody but super users: ${names.join(', ')}`
    const advice =
      'if nobody made such a rule, it stands for one that the broker cannot read; its log says which. "polylog acl remove" takes it away'
    return [{ check, state: 'warning', detail, advice }]
  } catch (error) {
    if (error instanceof ClientError && (error.code === 'refused' || error.code === 'unsupported')) return []
    throw error
  }
}

const marks = { ok: 'ok  ', warning: 'warn', failed: 'FAIL' } as const

async function report(context: CommandContext, findings: readonly Finding[]): Promise<void> {
  if (context.arguments.has('json')) return printJson(context, findings)
  for (const { check, state, detail, advice } of findings) {
    const hint = advice === undefined ? '' : `\n      -> ${advice}`
    await context.terminal.print(`${marks[state]}  ${check}: ${detail}${hint}\n`)
  }
}
