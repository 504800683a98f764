// Stops each broker in turn (SIGTERM) and starts it again, under load: no client may see an error.
//   node test/cluster/runs/restart-each.ts --count 5
import { setTimeout as delay } from 'node:timers/promises'
import { until } from '../../system/wait.ts'
import { runAsCommand } from '../harness/command.ts'
import type { RunOptions } from '../harness/command.ts'
import { spreadOf } from '../harness/figures.ts'
import type { Spread } from '../harness/figures.ts'
import { TestCluster } from '../harness/test-cluster.ts'
import { Load, topic } from '../load/load.ts'
import type { Verdict } from '../load/load.ts'
import { Probes } from '../load/probes.ts'

/** So that a broker that is back leads its partitions again before the next one goes. */
const ownSettings = ['leader.rebalance.delay.ms=500']
const settleMs = 500

export interface RestartEachResult extends Verdict {
  readonly restarts: number
  readonly exitCodes: Readonly<Record<string, number>>
  /** Longest wait of the probe of a partition while its leader hands over and stops, in ms. */
  readonly handOverMs: Spread
  /** Longest wait of it while its leader starts and takes it back. */
  readonly takeBackMs: Spread
  /** Longest wait of a real producer over a whole restart. */
  readonly producerGapMs: Spread
  /** From SIGTERM to the end of the process. */
  readonly stopMs: Spread
  readonly probeRefusals: Readonly<Record<string, number>>
}

export async function restartEach({ count, progress, settings = [] }: RunOptions): Promise<RestartEachResult> {
  await using cluster = await TestCluster.start({ settings: [...ownSettings, ...settings] })
  const load = await Load.start(cluster)
  const probes = await Probes.start(cluster)
  const times = { handOver: [] as number[], takeBack: [] as number[], producer: [] as number[], stop: [] as number[] }
  const exitCodes: Record<string, number> = {}
  for (const node of Array.from({ length: count }, () => cluster.nodes).flat()) {
    const led = await ledBy(cluster, probes, node.id)
    const stopMs = performance.now()
    const code = await node.end('SIGTERM')
    const goneMs = performance.now()
    exitCodes[String(code)] = (exitCodes[String(code)] ?? 0) + 1
    await delay(settleMs)
    const backMs = performance.now()
    await node.start()
    await cluster.untilInSync([topic, ...probes.topics])
    await until(
      `broker ${node.id} leads again`,
      async () => (await ledBy(cluster, probes, node.id)).length >= led.length,
    )
    await delay(settleMs)
    for (const index of led) {
      times.handOver.push(probes.all[index]!.gaps.longest(stopMs, goneMs + settleMs))
      times.takeBack.push(probes.all[index]!.gaps.longest(backMs, performance.now()))
    }
    times.stop.push(goneMs - stopMs)
    times.producer.push(load.longestGap(stopMs, performance.now()))
    progress(
      `broker ${node.id} led ${led.length}: stopped in ${times.stop.at(-1)!.toFixed(0)} ms with ${code}, hand-over ${times.handOver.at(-1)?.toFixed(0)} ms, longest wait of a producer ${times.producer.at(-1)!.toFixed(0)} ms`,
    )
  }
  const probeRefusals = probes.refusals()
  await probes.stop()
  const verdict = await load.finish()
  return {
    ...verdict,
    restarts: count * cluster.nodes.length,
    exitCodes,
    handOverMs: spreadOf(times.handOver),
    takeBackMs: spreadOf(times.takeBack),
    producerGapMs: spreadOf(times.producer),
    stopMs: spreadOf(times.stop),
    probeRefusals,
  }
}

/** Partitions with a probe that this broker leads. */
async function ledBy(cluster: TestCluster, probes: Probes, id: number): Promise<number[]> {
  const leaders = await Promise.all(probes.all.map((_, index) => cluster.partition(probes.topics[0]!, index)))
  return leaders.filter(({ leader }) => leader === id).map(({ index }) => index)
}

if (import.meta.main) await runAsCommand('restart-each', 5, restartEach)
