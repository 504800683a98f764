import { setTimeout as delay } from 'node:timers/promises'
import type { ClientJob } from '../clients/client.ts'
import { createTopic, deleteTopic } from '../harness/admin.ts'
import type { Subject } from '../harness/subject.ts'
import { memoryOf, resetPeak } from '../load/process-stats.ts'
import type { LoadResult } from '../load/window.ts'
import { KIB, topicName } from './produce.ts'
import { settleDisk } from './sample.ts'
import type { Bench, Goal, Sample, Workload } from './workload.ts'

/** Messages sent and not confirmed, and sent and not accepted. */
const IN_FLIGHT_MAX = 2000
const BACKLOG_MAX = 8000
const HASTY_MAX = 200
const LATENCY_CONSUMERS = 8
const LATENCY_PER_SECOND = 5000

const RATE_GOALS: readonly Goal[] = [
  { against: 'rabbitmq', atLeast: 4 },
  { against: 'bullmq', atLeast: 10 },
  { against: 'itself', client: 'lean', atLeast: 100_000 },
]

type Shape = Pick<ClientJob, 'valueBytes' | 'consumers'> & Pick<ClientJob, 'messagesPerSecond'>

/** Every message is sent, confirmed, delivered to one consumer and acknowledged; each window has a queue of its own. */
function queueWorkload(given: Pick<Workload, 'name' | 'title' | 'metric' | 'goals'>, shape: Shape): Workload {
  return {
    ...given,
    needs: 'queue',
    prepare: (bench, subject) =>
      Promise.resolve({
        measure: () => measure(bench, subject, given.name, shape),
        cleanup: () => Promise.resolve(),
      }),
  }
}

async function measure(bench: Bench, subject: Subject, name: string, shape: Shape): Promise<Sample> {
  settleDisk(bench)
  const queue = topicName(name)
  const isTopic = subject.speaksKafka
  if (isTopic) await createTopic(subject.address, queue, 1, subject.replicas)
  try {
    const { address, client, pids } = subject
    const limits = bench.hasty
      ? { inFlightMax: HASTY_MAX, backlogMax: HASTY_MAX, mayFallBehind: true }
      : { inFlightMax: IN_FLIGHT_MAX, backlogMax: BACKLOG_MAX }
    const job = { client: client!, address, queue, group: `${queue}-group`, mode: 'queue', pids, ...limits, ...shape }
    return await runQueue(bench, subject, job as ClientJob)
  } finally {
    if (isTopic) await deleteTopic(subject.address, queue)
  }
}

async function runQueue(bench: Bench, { name, pids }: Subject, job: ClientJob): Promise<Sample> {
  const { senders, receivers } = bench.clients.of(name)
  for (const pid of pids) resetPeak(pid)
  await receivers.ask({ kind: 'receive', job })
  await senders.ask({ kind: 'send', job })
  await receivers.reached(1)
  await delay(bench.warmupMs)
  await senders.ask({ kind: 'open' })
  const { count: acceptedBefore } = await receivers.ask({ kind: 'open' })
  await delay(bench.measureMs)
  // A machine that stood still has shown nothing yet.
  await receivers.reached(acceptedBefore + 1)
  const closed = await receivers.ask({ kind: 'close' })
  const { result: sent } = await senders.ask({ kind: 'close' })
  const peaks = pids.flatMap((pid) => memoryOf(pid)?.peakBytes ?? [])
  const { count: confirmed } = await senders.ask({ kind: 'stop' })
  await receivers.reached(confirmed)
  await senders.ask({ kind: 'end' })
  const { count: accepted } = await receivers.ask({ kind: 'end' })
  if (accepted < confirmed) throw new Error(`${confirmed} messages were confirmed but ${accepted} accepted`)
  const sample = clientSample(closed.count - acceptedBefore, closed.result!, sent!)
  return peaks.length === 0 ? sample : { ...sample, peakMb: peaks.reduce((sum, peak) => sum + peak, 0) / 1e6 }
}

/** @param messages that went all the way within the window */
function clientSample(messages: number, received: LoadResult, sent: LoadResult): Sample {
  const { seconds, latencyUs, serverCpuSeconds: cpu } = received
  const generatorCores = received.generatorCores + sent.generatorCores
  const costs =
    cpu === undefined
      ? {}
      : {
          cpuUsPerMessage: (cpu * 1e6) / messages,
          serverCores: cpu / seconds,
          otherCores: Math.max(0, received.machineCores - cpu / seconds - generatorCores),
        }
  return {
    messagesPerSecond: messages / seconds,
    p50Us: latencyUs.p50,
    p99Us: latencyUs.p99,
    p999Us: latencyUs.p999,
    confirmP99Us: sent.latencyUs.p99,
    generatorCores,
    ...costs,
  }
}

function rate(consumers: number, valueBytes: number): Workload {
  const size = valueBytes === KIB ? '1k' : `${valueBytes}b`
  return queueWorkload(
    {
      name: `queue-${size}-${consumers}c`,
      title: `one queue, ${valueBytes} B, ${consumers} consumer(s): sent, confirmed, delivered, accepted; ${IN_FLIGHT_MAX} in flight`,
      metric: 'messagesPerSecond',
      goals: RATE_GOALS,
    },
    { consumers, valueBytes },
  )
}

export const queueWorkloads: readonly Workload[] = [
  ...[256, KIB].flatMap((valueBytes) => [1, 8, 64].map((consumers) => rate(consumers, valueBytes))),
  queueWorkload(
    {
      name: 'queue-latency',
      title: `from send to handler at ${LATENCY_PER_SECOND} messages/s of 256 B, ${LATENCY_CONSUMERS} consumers, open loop`,
      metric: 'p99Us',
      goals: [
        { against: 'rabbitmq', atMost: 0.5 },
        { against: 'bullmq', atMost: 0.5 },
      ],
    },
    { consumers: LATENCY_CONSUMERS, valueBytes: 256, messagesPerSecond: LATENCY_PER_SECOND },
  ),
]
