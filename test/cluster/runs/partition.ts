// Cuts brokers off each other and off etcd, kills members of etcd, under load; everything must heal by itself.
//   node test/cluster/runs/partition.ts --count 2 --seed 1
import { runAsCommand } from '../harness/command.ts'
import type { RunOptions } from '../harness/command.ts'
import { pseudoRandom } from '../harness/random.ts'
import { TestCluster } from '../harness/test-cluster.ts'
import { Load, topic } from '../load/load.ts'
import type { Verdict } from '../load/load.ts'
import { faults } from './partition-faults.ts'
import type { FaultReport } from './partition-faults.ts'

/** So that the rest goes on within a cut: a replica that cannot be reached holds its leader up for this long. */
const ownSettings = ['replica.lag.time.max.ms=4000']

export interface PartitionResult extends Verdict {
  readonly faults: readonly FaultReport[]
}

/** @param only names of faults, all by default; those that this machine cannot make are left out and said */
export async function partition(options: RunOptions, only?: readonly string[]): Promise<PartitionResult> {
  const { seed, count, progress, settings = [] } = options
  await using cluster = await TestCluster.start({ etcdMembers: 3, settings: [...ownSettings, ...settings] })
  const load = await Load.start(cluster)
  const random = pseudoRandom(seed)
  const reports: FaultReport[] = []
  const missed: string[] = []
  for (const fault of Array.from({ length: count }, () => faults).flat()) {
    if (only !== undefined && !only.includes(fault.name)) continue
    if (fault.needsCuts && !cluster.network.canCut) {
      missed.push(fault.name)
      continue
    }
    const leader = (await cluster.partition(topic, Math.floor(random() * 2))).leader
    const strikeMs = performance.now()
    const said = await fault.strike(cluster, load, leader)
    const healMs = performance.now()
    await load.untilAllProgress()
    const progressMs = performance.now()
    await cluster.untilInSync([topic])
    await load.noteCommits()
    const report: FaultReport = {
      fault: fault.name,
      gapMs: Math.round(load.longestGap(strikeMs, progressMs)),
      healedMs: Math.round(performance.now() - healMs),
      ...said,
    }
    reports.push(report)
    progress(JSON.stringify(report))
  }
  if (missed.length > 0) console.error(`\nNOT TESTED, for want of network namespaces: ${missed.join(', ')}\n`)
  const verdict = await load.finish()
  return { ...verdict, faults: reports }
}

if (import.meta.main) await runAsCommand('partition', 1, partition)
