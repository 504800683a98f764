import { setTimeout as delay } from 'node:timers/promises'
import type { ClientJob } from '../clients/client.ts'
import { createTopic, deleteTopic } from '../harness/admin.ts'
import type { Subject } from '../harness/subject.ts'
import type { LoadResult } from '../load/window.ts'
import { BATCHES, KIB, MIB, topicName } from './produce.ts'
import { runLoad, settleDisk, storedRecords } from './sample.ts'
import type { Bench, Goal, Sample, Workload } from './workload.ts'

const PARTITIONS = 4
/** Read once in a window: enough for a second at the pace of a raw client. */
const FILL_BYTES = 1024 * MIB
const FILL_BYTES_HASTY = MIB
const FILL_MS_MAX = 300_000
const IN_FLIGHT_MAX = 2000
const IN_FLIGHT_HASTY_MAX = 200
const SETTLE_MS = 300

const GOALS: readonly Goal[] = [
  { against: 'kafkajs', atLeast: 1 },
  { against: 'platformatic', atLeast: 1 },
]

function jobOf({ hasty }: Bench, { address, client, pids }: Subject, queue: string): ClientJob {
  const group = topicName('library')
  const limits = { consumers: 1, inFlightMax: hasty ? IN_FLIGHT_HASTY_MAX : IN_FLIGHT_MAX, valueBytes: KIB }
  return { client: client!, address, queue, group, mode: 'log', pids, ...limits }
}

const produce: Workload = {
  name: 'library-produce',
  title: `a client library produces 1 KiB messages, ${IN_FLIGHT_MAX} in flight, ${PARTITIONS} partitions, acks=all`,
  metric: 'mbPerSecond',
  goals: GOALS,
  needs: 'library',
  async prepare(bench, subject) {
    const topic = topicName('library-produce')
    await createTopic(subject.address, topic, PARTITIONS, subject.replicas)
    return {
      async measure() {
        settleDisk(bench)
        const { senders } = bench.clients.of(subject.name)
        const storedBefore = await storedRecords(subject, { topic, partitions: PARTITIONS })
        await senders.ask({ kind: 'send', job: jobOf(bench, subject, topic) })
        await delay(bench.warmupMs)
        const { count: before } = await senders.ask({ kind: 'open' })
        await delay(bench.measureMs)
        await senders.reached(before + 1)
        const { result } = await senders.ask({ kind: 'close' })
        const { count: confirmed } = await senders.ask({ kind: 'stop' })
        await senders.ask({ kind: 'end' })
        const storedCount = (await storedRecords(subject, { topic, partitions: PARTITIONS })) - storedBefore
        if (storedCount < confirmed)
          throw new Error(`${confirmed} messages were confirmed but ${storedCount} are stored`)
        return librarySample(result!, result!.bytes)
      },
      cleanup: () => deleteTopic(subject.address, topic),
    }
  },
}

const consume: Workload = {
  name: 'library-consume',
  title: `a client library reads 1 KiB messages in 64 KiB batches, ${PARTITIONS} partitions, one member of a group`,
  metric: 'mbPerSecond',
  goals: GOALS,
  needs: 'library',
  async prepare(bench, subject) {
    const topic = topicName('library-consume')
    await createTopic(subject.address, topic, PARTITIONS, subject.replicas)
    const shape = { topic, partitions: PARTITIONS, valueBytes: KIB, ...BATCHES['64k'] }
    const bytesTotal = bench.hasty ? FILL_BYTES_HASTY : FILL_BYTES
    const times = { warmupMs: 0, measureMs: FILL_MS_MAX }
    const filled = await runLoad(bench, subject, { produce: { ...shape, bytesTotal }, ...times })
    const total = filled.produce!.recordsAcknowledged
    return {
      async measure() {
        settleDisk(bench)
        return readAll(bench, subject, topic, total)
      },
      cleanup: () => deleteTopic(subject.address, topic),
    }
  },
}

/** From the first message, however long the group took to form, to the last or the end of the window. */
async function readAll(bench: Bench, subject: Subject, topic: string, total: number): Promise<Sample> {
  const { receivers } = bench.clients.of(subject.name)
  await receivers.ask({ kind: 'receive', job: jobOf(bench, subject, topic) })
  await receivers.reached(1)
  const { count: before } = await receivers.ask({ kind: 'open' })
  const endMs = performance.now() + bench.measureMs
  while (receivers.progress < total && performance.now() < endMs) await delay(1)
  const { count, result } = await receivers.ask({ kind: 'close' })
  if (bench.hasty) await receivers.reached(total)
  await receivers.ask({ kind: 'end' })
  // What one client leaves to be done must not be paid by the next.
  if (!bench.hasty) await delay(SETTLE_MS)
  return librarySample(result!, (count - before) * KIB)
}

function librarySample(result: LoadResult, bytes: number): Sample {
  const { seconds, generatorCores, serverCpuSeconds: cpu, machineCores } = result
  const costs =
    cpu === undefined
      ? {}
      : { serverCores: cpu / seconds, otherCores: Math.max(0, machineCores - cpu / seconds - generatorCores) }
  return { mbPerSecond: bytes / seconds / 1e6, generatorCores, ...costs }
}

export const libraryWorkloads: readonly Workload[] = [produce, consume]
