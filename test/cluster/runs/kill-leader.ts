// Kills the leader of a partition (kill -9) under load: how long is nobody served?
//   node test/cluster/runs/kill-leader.ts --count 30 --seed 1
import { until } from '../../system/wait.ts'
import { runAsCommand } from '../harness/command.ts'
import type { RunOptions } from '../harness/command.ts'
import { spreadOf } from '../harness/figures.ts'
import type { Spread } from '../harness/figures.ts'
import { pseudoRandom } from '../harness/random.ts'
import { TestCluster } from '../harness/test-cluster.ts'
import type { Gaps } from '../load/gaps.ts'
import { Load, topic } from '../load/load.ts'
import type { Verdict } from '../load/load.ts'
import { Probes } from '../load/probes.ts'

export interface KillLeaderResult extends Verdict {
  readonly kills: number
  /** Longest wait of any client around a kill, and of each kind, in ms. The probe tries again every 10 ms. */
  readonly gapMs: Spread
  readonly gapMsBy: Readonly<Record<string, Spread>>
}

export async function killLeader({
  seed,
  count,
  progress,
  settings = [],
  brokers = 3,
  program,
}: RunOptions): Promise<KillLeaderResult> {
  await using cluster = await TestCluster.start({ brokers, settings, program })
  const load = await Load.start(cluster)
  const probes = await Probes.start(cluster)
  const random = pseudoRandom(seed)
  const clients: (readonly [string, Gaps])[] = [
    ...load.writers.map(({ kind, gaps }) => [kind, gaps] as const),
    ...probes.all.map(({ gaps }) => ['probe', gaps] as const),
  ]
  const longest = new Map<string, number[]>([...new Set(clients.map(([kind]) => kind))].map((kind) => [kind, []]))
  for (let kill = 1; kill <= count; kill++) {
    await cluster.untilInSync([topic, ...probes.topics])
    const { leader } = await cluster.partition(topic, Math.floor(random() * 2))
    const killMs = performance.now()
    await cluster.node(leader).end('SIGKILL')
    await until(
      () => `broker ${leader} is replaced`,
      async () =>
        (await cluster.partition(topic, 0, [leader])).leader !== leader &&
        clients.every(([, gaps]) => servedLately(gaps, killMs)),
    )
    const endMs = performance.now()
    for (const [kind, gaps] of longest) {
      gaps.push(Math.max(...clients.filter(([name]) => name === kind).map(([, each]) => each.longest(killMs, endMs))))
    }
    progress(
      `kill ${kill} of broker ${leader}: ${[...longest].map(([kind, gaps]) => `${kind} ${gaps.at(-1)!.toFixed(0)} ms`).join(', ')}`,
    )
    await cluster.node(leader).start()
  }
  await probes.stop()
  const verdict = await load.finish()
  // Nobody wants to look at what a broker left that was broken on purpose.
  if (program !== undefined) cluster.discard()
  const all = Array.from({ length: count }, (_, index) =>
    Math.max(...[...longest.values()].map((gaps) => gaps[index]!)),
  )
  const gapMsBy = Object.fromEntries([...longest].map(([kind, gaps]) => [kind, spreadOf(gaps)]))
  return { ...verdict, kills: count, gapMs: spreadOf(all), gapMsBy }
}

/**
 * Whether a client was served so long after the kill, that an answer of the killed broker that was on its way does not
 * pass for one of the next leader.
 */
function servedLately(gaps: Gaps, killMs: number): boolean {
  return gaps.nextAfter(Math.max(killMs + 200, performance.now() - 500)) !== undefined
}

if (import.meta.main) await runAsCommand('kill-leader', 30, killLeader)
