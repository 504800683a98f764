// Stops the process of a leader (SIGSTOP) for three lease times under load, and lets it go on.
//   node test/cluster/runs/pause-leader.ts --count 10 --seed 1
import { setTimeout as delay } from 'node:timers/promises'
import { until } from '../../system/wait.ts'
import { runAsCommand } from '../harness/command.ts'
import type { RunOptions } from '../harness/command.ts'
import { spreadOf } from '../harness/figures.ts'
import type { Spread } from '../harness/figures.ts'
import { pseudoRandom } from '../harness/random.ts'
import { TestCluster } from '../harness/test-cluster.ts'
import { Load, topic } from '../load/load.ts'
import type { Verdict } from '../load/load.ts'

const leaseMs = 3000

export interface PauseLeaderResult extends Verdict {
  readonly pauses: number
  /** Until the others say that there is another leader. */
  readonly replacedMs: Spread
  readonly producerGapMs: Spread
  /** From SIGCONT until all replicas are in sync. */
  readonly rejoinMs: Spread
}

export async function pauseLeader({
  seed,
  count,
  progress,
  settings = [],
  brokers = 3,
}: RunOptions): Promise<PauseLeaderResult> {
  await using cluster = await TestCluster.start({ brokers, settings })
  const load = await Load.start(cluster)
  const random = pseudoRandom(seed)
  const times = { replaced: [] as number[], gap: [] as number[], rejoin: [] as number[] }
  for (let pause = 1; pause <= count; pause++) {
    const partition = Math.floor(random() * 2)
    const { leader } = await cluster.partition(topic, partition)
    const node = cluster.node(leader)
    const startMs = performance.now()
    node.pause()
    await until(`broker ${leader} is replaced`, async () => {
      const now = await cluster.partition(topic, partition, [leader])
      return now.leader >= 0 && now.leader !== leader
    })
    times.replaced.push(performance.now() - startMs)
    await delay(Math.max(0, startMs + 3 * leaseMs - performance.now()))
    node.resume()
    const resumedMs = performance.now()
    await load.untilAllProgress()
    times.gap.push(load.longestGap(startMs, performance.now()))
    await cluster.untilInSync([topic])
    times.rejoin.push(performance.now() - resumedMs)
    await load.noteCommits()
    progress(
      `pause ${pause} of broker ${leader}: replaced in ${times.replaced.at(-1)!.toFixed(0)} ms, longest wait of a producer ${times.gap.at(-1)!.toFixed(0)} ms, in sync ${times.rejoin.at(-1)!.toFixed(0)} ms after SIGCONT`,
    )
  }
  const verdict = await load.finish()
  const spreads = {
    replacedMs: spreadOf(times.replaced),
    producerGapMs: spreadOf(times.gap),
    rejoinMs: spreadOf(times.rejoin),
  }
  return { ...verdict, pauses: count, ...spreads }
}

if (import.meta.main) await runAsCommand('pause-leader', 10, pauseLeader)
