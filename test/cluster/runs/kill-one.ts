// Kills a random broker (kill -9) every five seconds under load, and starts it again.
//   node test/cluster/runs/kill-one.ts --count 100 --seed 1
import { setTimeout as delay } from 'node:timers/promises'
import { runAsCommand } from '../harness/command.ts'
import type { RunOptions } from '../harness/command.ts'
import { spreadOf } from '../harness/figures.ts'
import type { Spread } from '../harness/figures.ts'
import { pseudoRandom } from '../harness/random.ts'
import { TestCluster } from '../harness/test-cluster.ts'
import { Load } from '../load/load.ts'
import type { Verdict } from '../load/load.ts'

const everyMs = 5000
const downMsMax = 2000
/** How often it is compared what clients know to be committed with what the cluster says. */
const killsPerCommitCheck = 4

export interface KillOneResult extends Verdict {
  readonly kills: number
  /** Longest wait of a producer around each kill, in ms; the next kill may fall into it. */
  readonly gapMs: Spread
  /** From exec to serving. */
  readonly restartMs: Spread
}

export async function killOne({
  seed,
  count,
  progress,
  settings = [],
  brokers = 3,
}: RunOptions): Promise<KillOneResult> {
  await using cluster = await TestCluster.start({ brokers, settings })
  const load = await Load.start(cluster)
  const random = pseudoRandom(seed)
  const gaps: number[] = []
  const restarts: number[] = []
  for (let kill = 1; kill <= count; kill++) {
    const node = cluster.node(1 + Math.floor(random() * cluster.nodes.length))
    const killMs = performance.now()
    await node.end('SIGKILL')
    await delay(random() * downMsMax)
    restarts.push(await node.start())
    if (kill % killsPerCommitCheck === 0) await load.noteCommits()
    await delay(Math.max(0, killMs + everyMs - performance.now()))
    gaps.push(load.longestGap(killMs, performance.now()))
    progress(
      `kill ${kill} of broker ${node.id}: gap ${gaps.at(-1)!.toFixed(0)} ms, ${load.acknowledgedCount} acknowledged`,
    )
  }
  const verdict = await load.finish()
  return { ...verdict, kills: count, gapMs: spreadOf(gaps), restartMs: spreadOf(restarts) }
}

if (import.meta.main) await runAsCommand('kill-one', 60, killOne)
