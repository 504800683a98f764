// Kills all brokers at once (kill -9) under load, and starts them again.
//   node test/cluster/runs/kill-all.ts --count 100 --seed 1
import { setTimeout as delay } from 'node:timers/promises'
import { runAsCommand } from '../harness/command.ts'
import type { RunOptions } from '../harness/command.ts'
import { spreadOf } from '../harness/figures.ts'
import type { Spread } from '../harness/figures.ts'
import { pseudoRandom } from '../harness/random.ts'
import { TestCluster } from '../harness/test-cluster.ts'
import { Load } from '../load/load.ts'
import type { Verdict } from '../load/load.ts'

const workMsMax = 1000

export interface KillAllResult extends Verdict {
  readonly kills: number
  /** Longest wait of any producer, and of those of each kind, in ms. */
  readonly gapMs: Spread
  readonly gapMsBy: Readonly<Record<string, Spread>>
  /** From the kill until every producer, reader and commit has got further. */
  readonly backMs: Spread
}

export async function killAll({
  seed,
  count,
  progress,
  settings = [],
  brokers = 3,
}: RunOptions): Promise<KillAllResult> {
  await using cluster = await TestCluster.start({ brokers, settings })
  const load = await Load.start(cluster)
  const random = pseudoRandom(seed)
  const back: number[] = []
  const gaps = new Map<string, number[]>(load.kinds.map((kind) => [kind, []]))
  for (let kill = 1; kill <= count; kill++) {
    await delay(random() * workMsMax)
    const killMs = performance.now()
    await Promise.all(cluster.nodes.map((node) => node.end('SIGKILL')))
    await Promise.all(cluster.nodes.map((node) => node.start()))
    await load.untilAllProgress()
    back.push(performance.now() - killMs)
    for (const [kind, found] of gaps) found.push(load.longestGap(killMs, performance.now(), kind))
    await load.noteCommits()
    progress(
      `kill ${kill}: back in ${back.at(-1)!.toFixed(0)} ms, producers after ${[...gaps].map(([kind, found]) => `${kind} ${found.at(-1)!.toFixed(0)} ms`).join(', ')}, ${load.acknowledgedCount} acknowledged`,
    )
  }
  const verdict = await load.finish()
  const all = Array.from({ length: count }, (_, index) => Math.max(...[...gaps.values()].map((found) => found[index]!)))
  const gapMsBy = Object.fromEntries([...gaps].map(([kind, found]) => [kind, spreadOf(found)]))
  return { ...verdict, kills: count, gapMs: spreadOf(all), gapMsBy, backMs: spreadOf(back) }
}

if (import.meta.main) await runAsCommand('kill-all', 100, killAll)
