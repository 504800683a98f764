import { Cluster, createTopic } from '@polylog/client/admin'
import type { ClusterInfo, PartitionInfo } from '@polylog/client/admin'
import { existsSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { patienceMs, until } from '../../system/wait.ts'
import { startEtcd } from '../../world/etcd.ts'
import type { EtcdCluster } from '../../world/etcd.ts'
import { FaultProxy } from '../../world/fault-proxy.ts'
import type { ProxyMode } from '../../world/fault-proxy.ts'
import { openNetwork } from './network.ts'
import type { Network } from './network.ts'
import { ClusterNode } from './node.ts'

export interface TestClusterOptions {
  /** 3 by default. */
  readonly brokers?: number
  /** Members of etcd, 1 by default. */
  readonly etcdMembers?: number
  /** Further settings of every broker, as `--set` takes them; later ones win. */
  readonly settings?: readonly string[]
  /** Data directories, by broker id; a folder in the temporary one by default. */
  readonly directories?: ReadonlyMap<number, string>
  /** What runs as a broker, if not the command as it is. */
  readonly program?: string | undefined
  /** What to put in front of the command of a broker, by its id. */
  readonly commands?: ReadonlyMap<number, readonly string[]>
}

/** What every broker of these runs is started with: three replicas, two of which must be in sync. */
const settings = ['default.replication.factor=3', 'min.insync.replicas=2', 'offsets.topic.num.partitions=4']

const askTimes = { connectTimeoutMs: 2000, requestTimeoutMs: 4000 }

/** Compiled code of all runs. */
const compileCache = join(tmpdir(), 'polylog-cluster-compiled')

/** Brokers in processes of their own, a real etcd, and the network between them. */
export class TestCluster implements AsyncDisposable {
  readonly etcd: EtcdCluster
  readonly network: Network
  readonly nodes: readonly ClusterNode[]
  /** Holds data and logs of the brokers. */
  readonly directory: string
  readonly #gates: ReadonlyMap<number, readonly FaultProxy[]>
  #isDone = false

  private constructor(
    parts: Pick<TestCluster, 'etcd' | 'network' | 'nodes' | 'directory'>,
    gates: Map<number, FaultProxy[]>,
  ) {
    this.etcd = parts.etcd
    this.network = parts.network
    this.nodes = parts.nodes
    this.directory = parts.directory
    this.#gates = gates
  }

  /** Starts everything and resolves when every broker knows of every other. */
  static async start(options: TestClusterOptions = {}): Promise<TestCluster> {
    const ids = Array.from({ length: options.brokers ?? 3 }, (_, index) => index + 1)
    const etcd = await startEtcd({ members: options.etcdMembers ?? 1 })
    const network = openNetwork(ids)
    const directory = mkdtempSync(join(tmpdir(), 'polylog-cluster-'))
    const gates = new Map<number, FaultProxy[]>()
    const nodes: ClusterNode[] = []
    for (const id of ids) {
      const own = await Promise.all(etcd.endpoints.map((url) => FaultProxy.start(url, network.ownAddress)))
      gates.set(id, own)
      const dataDirectory = options.directories?.get(id) ?? join(directory, `b${id}`)
      mkdirSync(dataDirectory, { recursive: true })
      nodes.push(
        new ClusterNode({
          id,
          command: [...(options.commands?.get(id) ?? []), ...network.commandOn(id)],
          program: options.program,
          directory: dataDirectory,
          logFile: join(directory, `b${id}.log`),
          kafkaAddress: `${network.addressOf(id)}:${network.kafkaPort}`,
          metadata: `etcd://${own.map(({ address }) => address).join()}`,
          flags: [...settings, ...(options.settings ?? [])].flatMap((setting) => ['--set', setting]),
          compileCache,
        }),
      )
    }
    const cluster = new TestCluster({ etcd, network, nodes, directory }, gates)
    try {
      // A process that is killed leaves no compiled code behind, so one ends in good order first.
      if (!existsSync(compileCache)) {
        await nodes[0]!.start()
        await nodes[0]!.end('SIGTERM')
      }
      await Promise.all(nodes.map((node) => node.start()))
      await cluster.untilAllKnown()
    } catch (error) {
      await cluster[Symbol.asyncDispose]()
      throw error
    }
    return cluster
  }

  node(id: number): ClusterNode {
    return this.nodes[id - 1]!
  }

  /** Addresses of all brokers, up or not, for clients. */
  get addresses(): string {
    return this.nodes.map(({ address }) => address).join()
  }

  /** Sets what passes between a broker and etcd. */
  setGates(id: number, mode: ProxyMode): void {
    for (const gate of this.#gates.get(id)!) gate.set(mode)
  }

  /** Makes a topic with three replicas, and waits until all are in sync. */
  async createTopic(name: string, partitionCount: number): Promise<void> {
    await using cluster = new Cluster({ brokers: this.addresses })
    await createTopic(cluster, { name, partitionCount, replicationFactor: 3 })
    await this.untilInSync([name])
  }

  /** What one broker says of the cluster, or undefined if it does not answer. */
  async ask(node: ClusterNode, topics: readonly string[]): Promise<ClusterInfo | undefined> {
    await using cluster = new Cluster({ brokers: node.address, ...askTimes })
    try {
      return await cluster.describe(topics)
    } catch (error) {
      if (error instanceof Error && error.name === 'ClientError') return undefined
      throw error
    }
  }

  /** A partition as the first broker that answers sees it; brokers in `without` are not asked. */
  async partition(topic: string, index: number, without: readonly number[] = []): Promise<PartitionInfo> {
    for (const node of this.nodes.filter(({ id, isUp }) => isUp && !without.includes(id))) {
      const found = (await this.ask(node, [topic]))?.topics[0]?.partitions[index]
      if (found !== undefined) return found
    }
    return { index, leader: -1, replicas: [], inSyncReplicas: [] }
  }

  /** Resolves when every broker that is up says that all replicas of these topics are in sync. */
  async untilInSync(topics: readonly string[], timeoutMs = patienceMs): Promise<void> {
    let seen = ''
    await until(
      () => `not in sync: ${seen}`,
      async () => {
        for (const node of this.nodes.filter(({ isUp }) => isUp)) {
          const info = await this.ask(node, topics)
          seen = `broker ${node.id} says ${JSON.stringify(info?.topics.map((topic) => topic.partitions))}`
          const whole = info?.topics.every(({ partitions }) => partitions.every(isWhole))
          if (whole !== true || info!.topics.length < topics.length) return false
        }
        return true
      },
      timeoutMs,
    )
  }

  async untilAllKnown(): Promise<void> {
    const counts = async (): Promise<number[]> => {
      const answers = await Promise.all(this.nodes.map((node) => this.ask(node, [])))
      return answers.map((info) => info?.brokers.length ?? 0)
    }
    await until('every broker knows every other', async () =>
      (await counts()).every((count) => count === this.nodes.length),
    )
  }

  /** All went well: nobody will want to look at data and logs, which stay otherwise. */
  discard(): void {
    this.#isDone = true
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await Promise.all(this.nodes.map((node) => node.end('SIGKILL')))
    await Promise.all([...this.#gates.values()].flat().map((gate) => gate.stop()))
    await this.etcd.stop()
    this.network[Symbol.dispose]()
    if (this.#isDone) rmSync(this.directory, { recursive: true, force: true })
    else console.error(`data and logs of the brokers are in ${this.directory}`)
  }
}

function isWhole({ leader, replicas, inSyncReplicas }: PartitionInfo): boolean {
  return leader >= 0 && inSyncReplicas.length === replicas.length
}
