import { spawnSync } from 'node:child_process'

/** How brokers reach each other and their metadata store. Host numbers are broker ids, 1 to 200. */
export interface Network extends Disposable {
  /** What to put in front of a program and its words so that it runs on this host. */
  commandOn(host: number): readonly string[]
  /** Address of a host; brokers listen there. */
  addressOf(host: number): string
  /** Kafka port of a host; 0 if any free one has to do. */
  readonly kafkaPort: number
  /** Address of this process, as every host reaches it. */
  readonly ownAddress: string
  /** Whether links can be cut here. */
  readonly canCut: boolean
  /** Drops, without a word to anybody, what one host sends to the other; what the other sends still arrives. */
  cut(from: number, to: number): void
  /** Ends every cut. */
  mend(): void
}

/** Of iproute2. */
const program = 'ip'

/** A MAC address that nobody has: the bridge takes the frames and nobody picks them up. */
const nobody = '02:00:00:00:00:ff'

let networkCount = 0

/**
 * A namespace per host behind one bridge, so that links can be cut one way with the connections left standing, as a
 * switch that fails does it. A cut is a wrong neighbour entry at the sender: that needs neither a packet filter nor a
 * module of the kernel.
 */
class NamespaceNetwork implements Network {
  readonly kafkaPort = 9092
  readonly canCut = true
  readonly ownAddress: string
  readonly #prefix: string
  readonly #name: string
  readonly #hosts: readonly number[]
  readonly #cuts = new Set<string>()
  readonly #removeAtExit = (): void => this.#remove()

  constructor(hosts: readonly number[]) {
    this.#hosts = hosts
    const number = networkCount++ * 61 + process.pid
    this.#prefix = `198.${18 + (number % 2)}.${number % 251}`
    this.#name = `plg${process.pid}x${number % 251}`
    this.ownAddress = `${this.#prefix}.254`
    process.once('exit', this.#removeAtExit)
    try {
      // Clients may outlive the bridge; what they send must not leave this machine then.
      spawnSync(program, ['route', 'add', 'unreachable', `${this.#prefix}.0/24`, 'metric', '4000'])
      ip('link', 'add', this.#name, 'type', 'bridge')
      ip('address', 'add', `${this.ownAddress}/24`, 'dev', this.#name)
      ip('link', 'set', this.#name, 'up')
      for (const host of hosts) this.#addHost(host)
    } catch (error) {
      this[Symbol.dispose]()
      throw error
    }
  }

  commandOn(host: number): readonly string[] {
    return ['ip', 'netns', 'exec', this.#namespaceOf(host)]
  }

  addressOf(host: number): string {
    return `${this.#prefix}.${host}`
  }

  cut(from: number, to: number): void {
    this.#cuts.add(`${from} ${to}`)
    const entry = [this.addressOf(to), 'lladdr', nobody, 'dev', 'eth0', 'nud', 'permanent']
    ip('-n', this.#namespaceOf(from), 'neigh', 'replace', ...entry)
  }

  mend(): void {
    for (const link of this.#cuts) {
      const [from, to] = link.split(' ').map(Number) as [number, number]
      ip('-n', this.#namespaceOf(from), 'neigh', 'del', this.addressOf(to), 'dev', 'eth0')
    }
    this.#cuts.clear()
  }

  [Symbol.dispose](): void {
    this.#removeHosts()
  }

  #addHost(host: number): void {
    const namespace = this.#namespaceOf(host)
    const port = this.#portOf(host)
    ip('netns', 'add', namespace)
    ip('link', 'add', port, 'type', 'veth', 'peer', 'name', 'eth0', 'netns', namespace)
    ip('link', 'set', port, 'master', this.#name, 'up')
    ip('-n', namespace, 'address', 'add', `${this.addressOf(host)}/24`, 'dev', 'eth0')
    ip('-n', namespace, 'link', 'set', 'lo', 'up')
    ip('-n', namespace, 'link', 'set', 'eth0', 'up')
  }

  #namespaceOf(host: number): string {
    return `${this.#name}n${host}`
  }

  #portOf(host: number): string {
    return `${this.#name}p${host}`
  }

  #remove(): void {
    this.#removeHosts()
    spawnSync(program, ['route', 'delete', 'unreachable', `${this.#prefix}.0/24`, 'metric', '4000'])
  }

  /** Whatever of it there is; a network half made has to go as well. */
  #removeHosts(): void {
    for (const host of this.#hosts) {
      spawnSync(program, ['link', 'delete', this.#portOf(host)])
      spawnSync(program, ['netns', 'delete', this.#namespaceOf(host)])
    }
    spawnSync(program, ['link', 'delete', this.#name])
  }
}

/** All on loopback: enough for processes that die or stop, but links between brokers cannot be cut. */
class LoopbackNetwork implements Network {
  readonly kafkaPort = 0
  readonly canCut = false
  readonly ownAddress = '127.0.0.1'

  commandOn(): readonly string[] {
    return []
  }

  addressOf(): string {
    return '127.0.0.1'
  }

  cut(): void {
    throw new Error('links on loopback cannot be cut')
  }

  mend(): void {}

  [Symbol.dispose](): void {}
}

/** Why there are no namespaces here, or undefined if there are. */
function whyNoNamespaces(): string | undefined {
  if (process.platform !== 'linux') return 'network namespaces are of Linux'
  if (process.getuid?.() !== 0) return 'network namespaces need root'
  const name = `plg${process.pid}try`
  const { status, error, stderr } = spawnSync(program, ['netns', 'add', name], { encoding: 'utf8' })
  if (status !== 0) return `"ip netns" does not work here: ${error?.message ?? stderr.trim()}`
  spawnSync(program, ['netns', 'delete', name])
  return undefined
}

export function openNetwork(hosts: readonly number[]): Network {
  return whyNoNamespaces() === undefined ? new NamespaceNetwork(hosts) : new LoopbackNetwork()
}

function ip(...words: readonly string[]): void {
  const { status, error, stderr } = spawnSync(program, words, { encoding: 'utf8' })
  if (status !== 0) throw new Error(`ip ${words.join(' ')}: ${error?.message ?? stderr.trim()}`)
}
