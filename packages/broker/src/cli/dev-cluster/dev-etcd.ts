import { spawn } from 'node:child_process'
import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { openSync } from 'node:fs'
import { setTimeout as delay } from 'node:timers/promises'
import { CommandError } from '../exit-code.ts'
import type { Launched } from './dev-child.ts'
import type { DevDirectory } from './dev-directory.ts'
import { freePorts } from './dev-ports.ts'

const startTimeoutMs = 30_000
const pollMs = 50
const attemptsMax = 3
const askTimeoutMs = 1000

/**
 * etcd knows nothing of its stdin, so a shell stands beside it, which tells etcd's process id on descriptor 3 and ends
 * etcd when its own stdin ends: some seconds later, so that the brokers, which notice at the same time, can take leave.
 * What runs in the background of a shell has no stdin, which is why descriptor 4 is a copy of it.
 */
const guardian = `exec 4<&0
"$@" </dev/null 3>&- 4<&- &
etcd=$!
echo "$etcd" >&3
exec 3>&-
(while read -r line; do :; done; sleep 3; kill "$etcd") <&4 2>/dev/null &
watch=$!
exec 4<&-
wait "$etcd"
code=$?
kill "$watch" 2>/dev/null
exit "$code"
`

const installation =
  'install it (Debian, Ubuntu: sudo apt-get install etcd-server; Fedora: sudo dnf install etcd; macOS: brew install etcd), or name one that runs already with --metadata etcd://HOST:2379'

/** The etcd of a dev cluster: one member on loopback, its data in the directory. */
export class DevEtcd {
  readonly #binary: string
  readonly #directory: DevDirectory
  /** Kept over its lives, so that brokers find it again. */
  #ports: readonly [client: number, peer: number] | undefined

  constructor(binary: string, directory: DevDirectory) {
    this.#binary = binary
    this.#directory = directory
  }

  /** As `--metadata` of a broker wants it. */
  get address(): string {
    return `etcd://127.0.0.1:${this.#ports![0]}`
  }

  /** @throws CommandError */
  async launch(spawned: (child: ChildProcess) => void): Promise<Launched> {
    await this.#checkThere()
    for (let attempt = 1; ; attempt++) {
      const ports = this.#ports ?? (await this.#choosePorts())
      try {
        const launched = await this.#launchOn(ports, spawned)
        this.#ports = ports
        return launched
      } catch (error) {
        // Somebody else may have taken one of the ports meanwhile.
        if (this.#ports !== undefined || attempt === attemptsMax) throw error
      }
    }
  }

  async #choosePorts(): Promise<readonly [number, number]> {
    const [client, peer] = await freePorts(2)
    return [client!, peer!]
  }

  async #checkThere(): Promise<void> {
    const child = spawn(this.#binary, ['--version'], { stdio: 'ignore', env: etcdEnvironment() })
    try {
      await once(child, 'spawn')
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error
      const what = this.#binary === 'etcd' ? 'there is no etcd on the PATH' : `there is no ${this.#binary}`
      throw new CommandError(`${what}; ${installation}`, { cause: error })
    }
    if (child.exitCode === null && child.signalCode === null) await once(child, 'exit')
  }

  async #launchOn(
    [client, peer]: readonly [number, number],
    spawned: (child: ChildProcess) => void,
  ): Promise<Launched> {
    const clientUrl = `http://127.0.0.1:${client}`
    const peerUrl = `http://127.0.0.1:${peer}`
    const flags = [
      ['--name', 'dev', '--data-dir', this.#directory.dataOf('etcd')],
      ['--listen-client-urls', clientUrl, '--advertise-client-urls', clientUrl],
      ['--listen-peer-urls', peerUrl, '--initial-advertise-peer-urls', peerUrl, '--initial-cluster', `dev=${peerUrl}`],
      ['--auto-compaction-mode', 'periodic', '--auto-compaction-retention', '1h', '--log-level', 'warn'],
    ].flat()
    const log = openSync(this.#directory.logOf('etcd'), 'a')
    // A group of its own: Ctrl-C in the terminal is for this program, which stops the brokers first.
    const child = spawn('/bin/sh', ['-c', guardian, 'polylog-etcd', this.#binary, ...flags], {
      stdio: ['pipe', log, log, 'pipe'],
      detached: true,
      env: etcdEnvironment(),
    })
    spawned(child)
    let pidText = ''
    child.stdio[3]!.on('data', (chunk: Buffer) => (pidText += chunk.toString()))
    const endMs = performance.now() + startTimeoutMs
    while (!(await isHealthy(clientUrl))) {
      if (child.exitCode !== null || child.signalCode !== null || performance.now() > endMs) {
        child.stdin!.end()
        throw new CommandError(`etcd does not start: ${this.#directory.lastWordOf('etcd')}`)
      }
      await delay(pollMs)
    }
    return { child, pid: Number(pidText) }
  }
}

async function isHealthy(url: string): Promise<boolean> {
  try {
    const response = await fetch(`${url}/health`, { signal: AbortSignal.timeout(askTimeoutMs) })
    return response.ok && ((await response.json()) as { health?: string }).health === 'true'
  } catch (error) {
    // Not up yet, or something else on that port.
    if (error instanceof TypeError || error instanceof SyntaxError || error instanceof DOMException) return false
    throw error
  }
}

/** Without ETCD_…, which etcd takes for flags. */
function etcdEnvironment(): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(process.env).filter(([name]) => !name.startsWith('ETCD_')))
}
