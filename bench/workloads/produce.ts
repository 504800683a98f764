import { createTopic, deleteTopic } from '../harness/admin.ts'
import type { ProduceLoad } from '../load/job.ts'
import { runLoad, sampleOf, settleDisk } from './sample.ts'
import type { Goal, Metric, Workload } from './workload.ts'

export const KIB = 1024
export const MIB = 1024 * KIB

/** How much load a batch size needs to keep a broker busy: several connections, because a broker may serve each in turn. */
export const BATCHES = {
  '64k': { batchBytes: 64 * KIB, connections: 4, inFlight: 4 },
  '1m': { batchBytes: MIB, connections: 4, inFlight: 2 },
} as const

type ProduceShape = Omit<ProduceLoad, 'topic'>

function produceWorkload(options: {
  name: string
  title: string
  metric: Metric
  goals: readonly Goal[]
  load: ProduceShape
}): Workload {
  const { name, title, metric, goals, load } = options
  return {
    name,
    title,
    metric,
    goals,
    needs: 'produce',
    async prepare(bench, subject) {
      const topic = topicName(name)
      await createTopic(subject.address, topic, load.partitions, subject.replicas)
      return {
        async measure() {
          settleDisk(bench)
          const { produce } = await runLoad(bench, subject, { produce: { ...load, topic } })
          return sampleOf(produce!, subject)
        },
        cleanup: () => deleteTopic(subject.address, topic),
      }
    },
  }
}

/** A name no earlier run against the same broker has used. */
export function topicName(workload: string): string {
  return `bench-${workload}-${process.pid}-${Date.now().toString(36)}`
}

const THROUGHPUT_GOALS: readonly Goal[] = [
  { against: 'kafka', durability: 'fsync', atLeast: 1 },
  { against: 'kafka', durability: 'os', atLeast: 2 },
  { against: 'kafka', cluster: true, durability: 'fsync', atLeast: 1 },
  { against: 'limit', atLeast: 0.5 },
]

function throughput(size: keyof typeof BATCHES, partitions: number): Workload {
  return produceWorkload({
    name: `produce-${size}-${partitions}p`,
    title: `produce 1 KiB records, ${size === '1m' ? '1 MiB' : '64 KiB'} batches, ${partitions} partition(s)`,
    metric: 'mbPerSecond',
    goals: THROUGHPUT_GOALS,
    load: { ...BATCHES[size], partitions, valueBytes: KIB },
  })
}

/** One record of 100 B per request; `connections` x `inFlight` requests under way. */
function requests(name: string, connections: number, inFlight: number, fsync: number, os: number): Workload {
  return produceWorkload({
    name,
    title: `100 B single-record requests, ${connections} connection(s) x ${inFlight} in flight`,
    metric: 'requestsPerSecond',
    goals: [
      { against: 'kafka', durability: 'fsync', atLeast: fsync },
      { against: 'kafka', durability: 'os', atLeast: os },
      { against: 'kafka', cluster: true, durability: 'fsync', atLeast: 1 },
      { against: 'limit', atLeast: 0.5 },
    ],
    load: { batchBytes: 0, connections, inFlight, partitions: 1, valueBytes: 100 },
  })
}

export const produceWorkloads: readonly Workload[] = [
  throughput('64k', 1),
  throughput('64k', 12),
  throughput('1m', 1),
  throughput('1m', 12),
]

export const requestWorkloads: readonly Workload[] = [
  requests('request-1', 1, 1, 0.8, 1),
  requests('request-16', 4, 4, 1.5, 2),
  requests('pipelined-16', 1, 16, 1.5, 2),
  requests('request-256', 16, 16, 3, 5),
  requests('pipelined-256', 1, 256, 3, 5),
]

export const latencyWorkload: Workload = produceWorkload({
  name: 'latency',
  title: 'produce at 10 MB/s: 1 KiB records, 16 KiB batches, 12 partitions, 4 connections, open loop',
  metric: 'p99Us',
  goals: [
    { against: 'kafka', atMost: 0.7 },
    { against: 'kafka', cluster: true, atMost: 1 },
  ],
  load: { batchBytes: 16 * KIB, connections: 4, inFlight: 1, partitions: 12, valueBytes: KIB, requestsPerSecond: 630 },
})
