import { setTimeout as delay } from 'node:timers/promises'
import { createTopic, deleteTopic, offsetsOf } from '../harness/admin.ts'
import type { Subject } from '../harness/subject.ts'
import { recordBatch } from '../load/frame.ts'
import { memoryOf } from '../load/process-stats.ts'
import { KIB, topicName } from './produce.ts'
import { runLoad, sampleOf, settleDisk } from './sample.ts'
import type { Bench, Goal, Workload } from './workload.ts'

const CPU_PARTITIONS = 12
const CPU_CONNECTIONS = 4
/** Batches of 64 KiB. */
const REQUESTS_PER_MEGABYTE = 15.6
const IDLE_SETTLE_MS = 3000
const BASE_PARTITIONS = 10
/** Single records of 1 KiB: 1 MB/s, far below any limit, so that what is seen is the price of many partitions. */
const PARTITION_REQUESTS_PER_SECOND = 1000
const TOUCH_MS_MAX = 300_000

/** The same work for every broker: a fixed rate, each byte produced once and consumed once while fresh. */
function cpu(name: string, mbPerSecond: number, goals: readonly Goal[]): Workload {
  return {
    name,
    title: `CPU seconds per GB at ${mbPerSecond} MB/s: 64 KiB batches, 12 partitions, each byte produced and consumed once`,
    metric: 'cpuSecondsPerGb',
    goals,
    needs: 'records',
    async prepare(bench, subject) {
      const topic = topicName(name)
      await createTopic(subject.address, topic, CPU_PARTITIONS, subject.replicas)
      return {
        async measure() {
          settleDisk(bench)
          const offsets = await offsetsOf(subject.address, topic, CPU_PARTITIONS)
          const ranges = offsets.map(({ end }, partition) => ({
            connection: partition % CPU_CONNECTIONS,
            partition,
            from: end,
          }))
          const { produce, fetch } = await runLoad(bench, subject, {
            produce: {
              topic,
              partitions: CPU_PARTITIONS,
              batchBytes: 64 * KIB,
              valueBytes: KIB,
              connections: CPU_CONNECTIONS,
              inFlight: 1,
              requestsPerSecond: mbPerSecond * REQUESTS_PER_MEGABYTE,
            },
            fetch: { topic, ranges, partitionBytesMax: 1024 * KIB, repeat: true },
          })
          if (fetch!.bytes < produce!.bytes * 0.9) {
            throw new Error(`the consumers fell behind: ${fetch!.bytes} of ${produce!.bytes} bytes in the window`)
          }
          return sampleOf(produce!, subject)
        },
        cleanup: () => deleteTopic(subject.address, topic),
      }
    },
  }
}

/** Enough to measure, little enough for every broker to keep up with; for a cluster on one small machine the latter. */
export const cpuWorkloads: readonly Workload[] = [
  cpu('cpu', 50, [{ against: 'kafka', atMost: 0.4 }]),
  cpu('cpu10', 10, [{ against: 'kafka', cluster: true, atMost: 0.7 }]),
]

export const idleWorkloads: readonly Workload[] = (['startMs', 'idleMb'] as const).map((metric) => ({
  name: metric === 'startMs' ? 'start' : 'idle',
  title:
    metric === 'startMs'
      ? 'exec to first answered ApiVersions, empty directory'
      : 'resident memory 3 s after the start, MB',
  metric,
  goals: [{ against: 'itself', atMost: metric === 'startMs' ? 150 : 80 }],
  needs: 'restart',
  prepare: (_, subject) =>
    Promise.resolve({
      measure: () =>
        subject.withFresh!(async ({ pid, startMs }) => {
          if (metric === 'startMs') return { startMs }
          await delay(IDLE_SETTLE_MS)
          return { startMs, idleMb: (memoryOf(pid)?.rssBytes ?? Number.NaN) / 1e6 }
        }),
      cleanup: () => Promise.resolve(),
    }),
}))

/**
 * Appends to every partition once, unreported: the first append opens files and may sync one (Kafka's leader-epoch
 * checkpoint), which is paid once per partition and not per request. One connection, so that the rotation misses none.
 */
async function touch(bench: Bench, subject: Subject, topic: string, partitions: number): Promise<void> {
  const shape = { batchBytes: 0, valueBytes: KIB, connections: 1, inFlight: 16 }
  const bytesTotal = partitions * recordBatch(0, KIB).bytes.length
  const produce = { topic, partitions, ...shape, bytesTotal }
  await runLoad(bench, subject, { produce, warmupMs: 0, measureMs: TOUCH_MS_MAX })
}

/** Measures 10 partitions and then many, each time anew, because the machine's mood changes between runs. */
function manyPartitions(partitions: number, atMost: number): Workload {
  return {
    name: `partitions-${partitions}`,
    title: `p99 of 1 KiB requests (1,000/s, open loop) over ${partitions} partitions, relative to 10 partitions`,
    metric: 'p99Factor',
    goals: [{ against: 'itself', atMost }],
    needs: 'produce',
    async prepare(bench, subject) {
      const sizes = [BASE_PARTITIONS, partitions]
      const topics = sizes.map((size) => ({ size, topic: topicName(`partitions-${size}`) }))
      for (const { topic, size } of topics) await createTopic(subject.address, topic, size, subject.replicas)
      const shape = { batchBytes: 0, valueBytes: KIB, connections: 4, inFlight: 1 }
      const load = async (topic: string, size: number) => {
        settleDisk(bench)
        const rate = { requestsPerSecond: PARTITION_REQUESTS_PER_SECOND }
        const { produce } = await runLoad(bench, subject, { produce: { topic, partitions: size, ...shape, ...rate } })
        return sampleOf(produce!, subject)
      }
      for (const { topic, size } of topics) await touch(bench, subject, topic, size)
      return {
        async measure() {
          const [base, many] = [await load(topics[0]!.topic, BASE_PARTITIONS), await load(topics[1]!.topic, partitions)]
          return { ...many, p99Factor: many.p99Us! / base.p99Us! }
        },
        async cleanup() {
          for (const { topic } of topics) await deleteTopic(subject.address, topic)
        },
      }
    },
  }
}

export const partitionWorkloads: readonly Workload[] = [manyPartitions(1000, 2), manyPartitions(10_000, 5)]
