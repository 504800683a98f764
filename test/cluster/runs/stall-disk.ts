// Stalls the disk of a leader under load: it must be fenced and replaced, and come back when the disk does. Needs root.
//   node test/cluster/runs/stall-disk.ts --count 5
import { setTimeout as delay } from 'node:timers/promises'
import { until } from '../../system/wait.ts'
import { runAsCommand } from '../harness/command.ts'
import type { RunOptions } from '../harness/command.ts'
import { spreadOf } from '../harness/figures.ts'
import type { Spread } from '../harness/figures.ts'
import { StallableDisk } from '../harness/stallable-disk.ts'
import type { StallKind } from '../harness/stallable-disk.ts'
import { TestCluster } from '../harness/test-cluster.ts'
import { Load, topic } from '../load/load.ts'
import type { Verdict } from '../load/load.ts'

const stalledId = 1
const stallMs = 12_000
/** So that the broker leads again soon after it is back. */
const ownSettings = ['leader.rebalance.delay.ms=500']
const kinds: readonly StallKind[] = ['device', 'writes']

export interface StallDiskResult extends Verdict {
  readonly stalls: number
  /** From the stall until the others say that no partition is led by the stalled broker, by kind of stall. */
  readonly replacedMs: Readonly<Record<string, Spread>>
  readonly producerGapMs: Readonly<Record<string, Spread>>
  /** From the end of the stall until all replicas are in sync. */
  readonly rejoinMs: Readonly<Record<string, Spread>>
}

export async function stallDisk({ count, progress, settings = [] }: RunOptions): Promise<StallDiskResult> {
  using disk = StallableDisk.make()
  const directories = new Map([[stalledId, `${disk.folder}/data`]])
  const commands = new Map([[stalledId, disk.command]])
  await using cluster = await TestCluster.start({ settings: [...ownSettings, ...settings], directories, commands })
  const load = await Load.start(cluster)
  const times: Record<'replaced' | 'gap' | 'rejoin', Record<string, number[]>> = { replaced: {}, gap: {}, rejoin: {} }
  for (let stall = 0; stall < count; stall++) {
    await until(`broker ${stalledId} leads`, async () => (await ledBy(cluster, [])).length > 0)
    const kind = kinds[stall % kinds.length]!
    const startMs = performance.now()
    disk.stall(kind)
    try {
      await until('another leads', async () => (await ledBy(cluster, [stalledId])).length === 0)
      note(times.replaced, kind, performance.now() - startMs)
      await delay(Math.max(0, startMs + stallMs - performance.now()))
    } finally {
      disk.resume()
    }
    const resumedMs = performance.now()
    await load.untilAllProgress()
    note(times.gap, kind, load.longestGap(startMs, resumedMs))
    await cluster.untilInSync([topic])
    note(times.rejoin, kind, performance.now() - resumedMs)
    await load.noteCommits()
    progress(`stall ${stall + 1} of ${kind}: ${JSON.stringify(times)}`)
  }
  const verdict = await load.finish()
  const spreads = {
    replacedMs: spreadsOf(times.replaced),
    producerGapMs: spreadsOf(times.gap),
    rejoinMs: spreadsOf(times.rejoin),
  }
  return { ...verdict, stalls: count, ...spreads }
}

function note(lists: Record<string, number[]>, kind: string, ms: number): void {
  ;(lists[kind] ??= []).push(ms)
}

function spreadsOf(lists: Record<string, number[]>): Record<string, Spread> {
  return Object.fromEntries(Object.entries(lists).map(([kind, values]) => [kind, spreadOf(values)]))
}

/** Partitions of the topic that the stalled broker leads, by the word of the brokers that are asked. */
async function ledBy(cluster: TestCluster, without: readonly number[]): Promise<number[]> {
  const asked = cluster.nodes.find(({ id, isUp }) => isUp && !without.includes(id))!
  const info = await cluster.ask(asked, [topic])
  // No answer is no news, so it counts as leading still.
  if (info === undefined) return [-1]
  return info.topics[0]!.partitions.filter(({ leader }) => leader === stalledId || leader < 0).map(({ index }) => index)
}

if (import.meta.main) await runAsCommand('stall-disk', 6, stallDisk)
