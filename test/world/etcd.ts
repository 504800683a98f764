import { spawn, spawnSync } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { globSync, mkdtempSync, rmSync } from 'node:fs'
import { connect, createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { homedir, tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout as delay } from 'node:timers/promises'
import { describe, it } from 'node:test'

/** A test that throws out of turn does not stop its members; they must not outlive it. */
const running = new Set<ChildProcess>()
process.once('exit', () => {
  for (const child of running) child.kill('SIGKILL')
})

const startTimeLimitMs = 30_000
const startAttemptsMax = 3
const logBytesMax = 65_536
const pollMs = 20
/** Short, so that a lost leader is replaced, and a lease ends, within a second or two. */
const heartbeatMs = 100
const electionMs = 500

/** An etcd program on this machine. */
export interface EtcdBinary {
  readonly version: string
  readonly path: string
}

/**
 * The etcd programs to test with: those named in POLYLOG_ETCD (paths with colons between them), or else the one on the
 * PATH and those under ~/.cache/polylog-etcd/<any>/etcd. None is part of the project.
 */
export function findEtcd(): EtcdBinary[] {
  const named = process.env['POLYLOG_ETCD']
  const cached = globSync(join(homedir(), '.cache/polylog-etcd/*/etcd')).toSorted()
  const paths = named === undefined ? ['etcd', ...cached] : named.split(':').filter((path) => path !== '')
  const found: EtcdBinary[] = []
  for (const path of paths) {
    const { stdout } = spawnSync(path, ['--version'], { encoding: 'utf8', env: etcdEnvironment() })
    const version = /^etcd Version: (\S+)/m.exec(stdout ?? '')?.[1]
    if (version !== undefined && !found.some((binary) => binary.version === version)) found.push({ version, path })
  }
  return found
}

/** Describes tests once for every etcd on this machine, or skips them, loudly, when there is none. */
export function describeWithEtcd(name: string, describeTests: (binary: EtcdBinary) => void): void {
  const binaries = findEtcd()
  for (const binary of binaries) describe(`${name}, etcd ${binary.version}`, () => describeTests(binary))
  if (binaries.length > 0) return
  const reason = 'there is no etcd on the PATH (Debian: apt-get install etcd-server)'
  console.error(`\nNOT TESTED: ${name}: ${reason}\n`)
  it(name, { skip: reason }, () => {})
}

export interface EtcdOptions {
  /** 1 by default. */
  readonly members?: number
  /** The first that `findEtcd` finds by default. */
  readonly binary?: EtcdBinary
  /** Further flags of every member. */
  readonly flags?: readonly string[]
  /** Serves clients by TLS with these files. */
  readonly tls?: {
    readonly ca: string
    readonly cert: string
    readonly key: string
    readonly clientCertificates?: boolean
  }
}

/** Starts a cluster on free loopback ports with empty data directories, and resolves when every member serves. */
export async function startEtcd(options: EtcdOptions = {}): Promise<EtcdCluster> {
  const binary = options.binary ?? findEtcd()[0]
  if (binary === undefined) throw new Error('there is no etcd on this machine')
  for (let attempt = 1; ; attempt++) {
    const cluster = new EtcdCluster(binary, options, await freePorts(2 * (options.members ?? 1)))
    try {
      await Promise.all(cluster.endpoints.map((_, index) => cluster.restart(index)))
      return cluster
    } catch (error) {
      await cluster.stop()
      // Another process may have taken one of the ports meanwhile.
      if (attempt === startAttemptsMax) throw error
    }
  }
}

interface Member {
  readonly name: string
  readonly flags: readonly string[]
  child: ChildProcess | undefined
  log: string
}

/** A running etcd cluster. Members are numbered from 0. */
export class EtcdCluster {
  /** Base URLs of the members. */
  readonly endpoints: readonly string[]
  readonly #binary: EtcdBinary
  readonly #directory = mkdtempSync(join(tmpdir(), 'polylog-etcd-'))
  readonly #members: readonly Member[]

  constructor(binary: EtcdBinary, options: EtcdOptions, ports: readonly number[]) {
    this.#binary = binary
    const { tls, flags = [], members = 1 } = options
    const scheme = tls === undefined ? 'http' : 'https'
    const clientPorts = ports.slice(0, members)
    const peers = ports.slice(members).map((port) => `http://127.0.0.1:${port}`)
    this.endpoints = clientPorts.map((port) => `${scheme}://127.0.0.1:${port}`)
    const initialCluster = peers.map((url, index) => `m${index}=${url}`).join(',')
    this.#members = this.endpoints.map((endpoint, index) => ({
      name: `m${index}`,
      child: undefined,
      log: '',
      flags: [
        ['--name', `m${index}`],
        ['--data-dir', join(this.#directory, `m${index}`)],
        ['--listen-client-urls', endpoint],
        ['--advertise-client-urls', endpoint],
        ['--listen-peer-urls', peers[index]!],
        ['--initial-advertise-peer-urls', peers[index]!],
        ['--initial-cluster', initialCluster],
        ['--heartbeat-interval', String(heartbeatMs)],
        ['--election-timeout', String(electionMs)],
        ['--log-level', 'error'],
        tls === undefined ? [] : ['--cert-file', tls.cert, '--key-file', tls.key, '--trusted-ca-file', tls.ca],
        tls?.clientCertificates === true ? ['--client-cert-auth'] : [],
        flags,
      ].flat(),
    }))
  }

  /** As `--metadata` of a broker wants it. */
  get address(): string {
    const hosts = this.endpoints.map((url) => new URL(url).host).join(',')
    return `${this.endpoints[0]!.startsWith('https') ? 'etcds' : 'etcd'}://${hosts}`
  }

  /** What a member has written, the last 64 KiB. */
  log(index: number): string {
    return this.#members[index]!.log
  }

  /** Starts a member, on the data it had, and resolves when it serves and knows a leader. */
  async restart(index: number): Promise<void> {
    const member = this.#members[index]!
    if (member.child !== undefined) throw new Error(`${member.name} runs already`)
    const child = spawn(this.#binary.path, member.flags, { stdio: ['ignore', 'pipe', 'pipe'], env: etcdEnvironment() })
    running.add(child)
    member.child = child
    const keep = (chunk: Buffer): void => {
      member.log = (member.log + chunk.toString()).slice(-logBytesMax)
    }
    child.stdout.on('data', keep)
    child.stderr.on('data', keep)
    child.once('exit', () => {
      running.delete(child)
      if (member.child === child) member.child = undefined
    })
    const endMs = performance.now() + startTimeLimitMs
    while (!(await this.#answers(index))) {
      if (member.child === undefined) throw new Error(`${member.name} of etcd has ended: ${member.log}`)
      if (performance.now() > endMs) throw new Error(`${member.name} of etcd does not serve: ${member.log}`)
      await delay(pollMs)
    }
  }

  /** Ends a member at once (SIGKILL) and resolves when it has gone. */
  async kill(index: number): Promise<void> {
    const { child } = this.#members[index]!
    if (child === undefined) return
    const gone = once(child, 'exit')
    child.kill('SIGKILL')
    await gone
  }

  /** Stops a member in its tracks (SIGSTOP): its connections stay, and nothing is answered. */
  pause(index: number): void {
    this.#members[index]!.child!.kill('SIGSTOP')
  }

  resume(index: number): void {
    this.#members[index]!.child!.kill('SIGCONT')
  }

  /** Which member leads, by what they say themselves; undefined while none does. */
  async leader(): Promise<number | undefined> {
    const says = await Promise.all(this.endpoints.map((url) => statusOf(url)))
    const index = says.findIndex((status) => status !== undefined && status.leader === status.header.member_id)
    return index < 0 ? undefined : index
  }

  /** Ends all members and removes their data. */
  async stop(): Promise<void> {
    await Promise.all(this.#members.map((_, index) => this.kill(index)))
    rmSync(this.#directory, { recursive: true, force: true })
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.stop()
  }

  /** Whether a member is healthy by its own word, or at least accepts connections when it wants a certificate first. */
  async #answers(index: number): Promise<boolean> {
    const url = this.endpoints[index]!
    if (url.startsWith('https')) return isOpen(Number(new URL(url).port))
    const answer = await ask(`${url}/health`, {})
    return (answer as { health?: string } | undefined)?.health === 'true'
  }
}

interface MemberStatus {
  readonly header: { readonly member_id: string }
  readonly leader?: string
}

async function statusOf(url: string): Promise<MemberStatus | undefined> {
  const answer = await ask(`${url}/v3/maintenance/status`, { method: 'POST', body: '{}' })
  return answer as MemberStatus | undefined
}

/** The answer of a member, or undefined when it gives none. */
async function ask(url: string, init: RequestInit): Promise<unknown> {
  try {
    const response = await fetch(url, { ...init, signal: AbortSignal.timeout(1000) })
    return response.ok ? await response.json() : undefined
  } catch (error) {
    // Not up yet, killed or paused, which is what the caller wants to know.
    if (error instanceof TypeError || (error instanceof DOMException && error.name === 'TimeoutError')) return undefined
    throw error
  }
}

function isOpen(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1')
    const end = (open: boolean): void => {
      socket.destroy()
      resolve(open)
    }
    socket.once('connect', () => end(true))
    socket.once('error', () => end(false))
  })
}

async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, '127.0.0.1'))
  await Promise.all(servers.map((server) => once(server, 'listening')))
  const ports = servers.map((server) => (server.address() as AddressInfo).port)
  await Promise.all(servers.map((server) => once(server.close(), 'close')))
  return ports
}

/** Without ETCD_…, which etcd takes for flags. */
function etcdEnvironment(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('ETCD_')))
}
