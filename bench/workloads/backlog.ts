import { setTimeout as delay } from 'node:timers/promises'
import type { Client, QueueMessage } from '@polylog/client'
import { connect } from '@polylog/client'
import { createTopic, deleteTopic } from '../harness/admin.ts'
import type { Subject } from '../harness/subject.ts'
import { memoryOf } from '../load/process-stats.ts'
import { BATCHES, topicName } from './produce.ts'
import { runLoad } from './sample.ts'
import type { Bench, Workload } from './workload.ts'

const VALUE_BYTES = 100
/** Of a record of 100 B in a large batch: the value, lengths, deltas. */
const RECORD_BYTES = 107
const WAITING = 10_000_000
const WAITING_HASTY = 5000
const HELD = 1000
const SETTLE_MS = 3000
const FILL_MS_MAX = 600_000
const DRAINED = 200_000
const DRAINED_HASTY = 2000
const PULL_MAX = 500
const GROUP_OPTIONS = { retry: { attempts: 1000, initialMs: 10, maxMs: 10 } }

async function fill(bench: Bench, subject: Subject, topic: string, records: number): Promise<void> {
  const shape = { topic, partitions: 1, valueBytes: VALUE_BYTES, ...BATCHES['64k'] }
  const produce = { ...shape, bytesTotal: records * RECORD_BYTES }
  await runLoad(bench, subject, { produce, warmupMs: 0, measureMs: FILL_MS_MAX })
}

async function withClient<T>({ address }: Subject, use: (client: Client) => Promise<T>): Promise<T> {
  await using client = await connect({ brokers: `${address.host}:${address.port}` })
  return await use(client)
}

/** Resident memory of a broker that was just started, with so many messages at work, all of one topic. */
async function memoryWithHeld(subject: Subject, topic: string): Promise<number> {
  await subject.restartCold!()
  return withClient(subject, async (client) => {
    await using queue = await client.openQueue({ group: `${topic}-group`, topic })
    const held: QueueMessage<unknown>[] = []
    while (held.length < HELD) held.push(...(await queue.pull({ max: HELD - held.length, waitMs: 1000 })))
    await delay(SETTLE_MS)
    const rssBytes = subject.pids.reduce((sum, pid) => sum + (memoryOf(pid)?.rssBytes ?? Number.NaN), 0)
    await Promise.all(held.map((message) => message.retry({ delayMs: 0 })))
    return rssBytes
  })
}

/** Memory must follow what is at work, not what waits. */
const memory: Workload = {
  name: 'backlog-memory',
  title: `memory with ${HELD} messages at work and ${WAITING / 1e6} million waiting, above that with none waiting, MB`,
  metric: 'grownMb',
  goals: [{ against: 'itself', atMost: 50 }],
  needs: 'restart',
  async prepare(bench, subject) {
    const [none, many] = [topicName('backlog-none'), topicName('backlog-many')]
    for (const topic of [none, many]) await createTopic(subject.address, topic, 1, subject.replicas)
    await fill(bench, subject, none, HELD + 100)
    await fill(bench, subject, many, bench.hasty ? WAITING_HASTY : WAITING)
    return {
      async measure() {
        const without = await memoryWithHeld(subject, none)
        return { grownMb: ((await memoryWithHeld(subject, many)) - without) / 1e6 }
      },
      async cleanup() {
        for (const topic of [none, many]) await deleteTopic(subject.address, topic)
      },
    }
  },
}

/** Messages per second that one consumer takes and accepts, while the first of all fails whenever it comes. */
async function drain(bench: Bench, subject: Subject, doesFirstFail: boolean): Promise<number> {
  const topic = topicName(doesFirstFail ? 'drain-failing' : 'drain')
  const total = bench.hasty ? DRAINED_HASTY : DRAINED
  await createTopic(subject.address, topic, 1, subject.replicas)
  await fill(bench, subject, topic, total)
  const perSecond = await withClient(subject, async (client) => {
    await using queue = await client.openQueue({ group: `${topic}-group`, topic, ...GROUP_OPTIONS })
    let accepted = 0
    let failed = 0
    const settle = (message: QueueMessage<unknown>): Promise<void> => {
      const fails = doesFirstFail && message.offset === 0
      if (fails) failed += 1
      else accepted += 1
      return fails ? message.retry({ delayMs: 10 }) : message.accept()
    }
    const startMs = performance.now()
    const settled: Promise<void>[] = []
    while (accepted < total * 0.9) {
      for (const message of await queue.pull({ max: PULL_MAX, waitMs: 1000 })) settled.push(settle(message))
    }
    await Promise.all(settled)
    const seconds = (performance.now() - startMs) / 1000
    if (doesFirstFail && failed < 2) throw new Error('the message that fails came only once')
    return accepted / seconds
  })
  await deleteTopic(subject.address, topic)
  return perSecond
}

/** A message that nobody can handle must not hold up the others of its partition. */
const failing: Workload = {
  name: 'backlog-failing',
  title: 'messages/s of one partition whose first message fails every time, relative to one where none fails',
  metric: 'shareOfHealthy',
  goals: [{ against: 'itself', atLeast: 0.95 }],
  needs: 'restart',
  prepare: (bench, subject) =>
    Promise.resolve({
      async measure() {
        const healthy = await drain(bench, subject, false)
        const messagesPerSecond = await drain(bench, subject, true)
        return { messagesPerSecond, shareOfHealthy: messagesPerSecond / healthy }
      },
      cleanup: () => Promise.resolve(),
    }),
}

export const backlogWorkloads: readonly Workload[] = [failing, memory]
