import { Cluster, createTopic } from '@polylog/client/admin'
import { setTimeout as delay } from 'node:timers/promises'
import { until } from '../../system/wait.ts'
import type { ProxyMode } from '../../world/fault-proxy.ts'
import type { TestCluster } from '../harness/test-cluster.ts'
import { topic } from '../load/load.ts'
import type { Load } from '../load/load.ts'

/** What came of one fault. */
export interface FaultReport {
  readonly fault: string
  /** Longest wait of a producer, in ms. */
  readonly gapMs: number
  /** From the end of the fault until all clients got further and all replicas were in sync. */
  readonly healedMs: number
  /** Until the others had another leader. */
  readonly replacedMs?: number
  /** Records acknowledged while the fault lasted. */
  readonly acknowledgedMeanwhile?: number
  /** What an operator was told who made a topic meanwhile. */
  readonly adminError?: string
  readonly adminMs?: number
}

type Said = Omit<FaultReport, 'fault' | 'gapMs' | 'healedMs'>

interface Fault {
  readonly name: string
  /** Whether links between brokers must be cut for it. */
  readonly needsCuts: boolean
  /** Makes the fault, watches, and ends it. */
  strike(cluster: TestCluster, load: Load, leader: number): Promise<Said>
}

const cutMs = 10_000
const outageMs = 20_000

/** Every fault leaves the rest as it is: the leader still reaches etcd, or still reaches its followers. */
export const faults: readonly Fault[] = [
  cutFault('leader cut from followers', (leader, other) => [
    [leader, other],
    [other, leader],
  ]),
  cutFault('what the leader sends to followers is dropped', (leader, other) => [[leader, other]]),
  cutFault('what followers send to the leader is dropped', (leader, other) => [[other, leader]]),
  gateFault('leader cut from etcd', 'hang'),
  gateFault('etcd refuses the leader', 'refuse'),
  gateFault('the leader hears etcd, which does not hear it', 'mute'),
  // Its lease is kept alive, so nobody replaces it; that it is blind must do no harm.
  gateFault('etcd hears the leader, which does not hear it', 'deaf', false),
  { name: 'leading member of etcd killed', needsCuts: false, strike: killEtcdLeader },
  { name: 'all of etcd down for 20 s', needsCuts: false, strike: killEtcd },
]

type Link = readonly [from: number, to: number]

function cutFault(name: string, linksOf: (leader: number, other: number) => readonly Link[]): Fault {
  return {
    name,
    needsCuts: true,
    async strike(cluster, load, leader) {
      const others = cluster.nodes.map(({ id }) => id).filter((id) => id !== leader)
      const before = load.acknowledgedCount
      for (const [from, to] of others.flatMap((other) => linksOf(leader, other))) cluster.network.cut(from, to)
      try {
        await delay(cutMs)
      } finally {
        cluster.network.mend()
      }
      return { acknowledgedMeanwhile: load.acknowledgedCount - before }
    },
  }
}

/** The leader's lease ends, so the others must replace it, whether it knows or not. */
function gateFault(name: string, mode: ProxyMode, isReplaced = true): Fault {
  return {
    name,
    needsCuts: false,
    async strike(cluster, load, leader) {
      const before = load.acknowledgedCount
      const startMs = performance.now()
      cluster.setGates(leader, mode)
      try {
        if (isReplaced) await untilReplaced(cluster, leader)
        const replacedMs = Math.round(performance.now() - startMs)
        await delay(Math.max(0, startMs + cutMs - performance.now()))
        const acknowledgedMeanwhile = load.acknowledgedCount - before
        return isReplaced ? { replacedMs, acknowledgedMeanwhile } : { acknowledgedMeanwhile }
      } finally {
        cluster.setGates(leader, 'pass')
      }
    },
  }
}

async function untilReplaced(cluster: TestCluster, leader: number): Promise<void> {
  await until(`broker ${leader} leads nothing any more`, async () => {
    const leaders = await Promise.all([0, 1].map((index) => cluster.partition(topic, index, [leader])))
    return leaders.every((each) => each.leader >= 0 && each.leader !== leader)
  })
}

async function killEtcdLeader(cluster: TestCluster, load: Load): Promise<Said> {
  let member: number | undefined
  await until('etcd has a leader', async () => (member = await cluster.etcd.leader()) !== undefined)
  const before = load.acknowledgedCount
  await cluster.etcd.kill(member!)
  const startMs = performance.now()
  await tryAdmin(cluster, `etcd-${performance.now().toFixed(0)}`)
  const adminMs = Math.round(performance.now() - startMs)
  await delay(Math.max(0, startMs + cutMs - performance.now()))
  const acknowledgedMeanwhile = load.acknowledgedCount - before
  await cluster.etcd.restart(member!)
  return { acknowledgedMeanwhile, adminMs }
}

async function killEtcd(cluster: TestCluster, load: Load): Promise<Said> {
  const members = cluster.etcd.endpoints.keys().toArray()
  await Promise.all(members.map((member) => cluster.etcd.kill(member)))
  const before = load.acknowledgedCount
  const startMs = performance.now()
  const adminError = await tryAdmin(cluster, 'during-outage')
  const adminMs = Math.round(performance.now() - startMs)
  await delay(Math.max(0, startMs + outageMs - performance.now()))
  const acknowledgedMeanwhile = load.acknowledgedCount - before
  await Promise.all(members.map((member) => cluster.etcd.restart(member)))
  let last: string | undefined = ''
  await until(
    () => `a topic can be made again: ${last}`,
    async () => (last = await tryAdmin(cluster, `after-outage-${performance.now().toFixed(0)}`)) === undefined,
  )
  return { acknowledgedMeanwhile, adminError: adminError ?? 'none: the topic was made', adminMs }
}

/** Makes a topic; resolves with what an operator is told if that cannot be done. */
async function tryAdmin(cluster: TestCluster, name: string): Promise<string | undefined> {
  await using client = new Cluster({ brokers: cluster.addresses })
  try {
    await createTopic(client, { name, partitionCount: 1, replicationFactor: 3 })
    return undefined
  } catch (error) {
    if (error instanceof Error && error.name === 'ClientError') return error.message
    throw error
  }
}
