import { createTopic, deleteTopic, offsetsOf, waitForTopic } from '../harness/admin.ts'
import type { PartitionOffsets } from '../harness/admin.ts'
import type { Subject } from '../harness/subject.ts'
import type { FetchRange } from '../load/job.ts'
import { BATCHES, KIB, MIB, topicName } from './produce.ts'
import { runLoad, sampleOf, settleDisk } from './sample.ts'
import type { Bench, Workload } from './workload.ts'

/** Small enough for any broker's memory of what was just written. */
const TAIL_BYTES = 32 * MIB
const FILL_MS_MAX = 300_000
const CONNECTIONS = 4

type Temperature = 'tail' | 'cached' | 'cold'

const TITLES: Record<Temperature, string> = {
  tail: 'the last 32 MiB, just produced, over and over',
  cached: 'more than the broker keeps in memory, left in the page cache',
  cold: 'the same after a restart with the page cache emptied, once',
}

function consume(temperature: Temperature, size: keyof typeof BATCHES, partitions: number): Workload {
  const name = `consume-${temperature}-${size}-${partitions}p`
  return {
    name,
    title: `consume ${size === '1m' ? '1 MiB' : '64 KiB'} batches, ${partitions} partition(s): ${TITLES[temperature]}`,
    metric: 'mbPerSecond',
    goals: [
      { against: 'kafka', atLeast: 1.5 },
      ...(temperature === 'tail' ? [{ against: 'limit', atLeast: 0.5 } as const] : []),
    ],
    needs: temperature === 'tail' ? 'produce' : temperature === 'cached' ? 'records' : 'restart',
    async prepare(bench, subject) {
      const topic = topicName(name)
      const warmTopic = `${topic}-warm`
      await createTopic(subject.address, topic, partitions, subject.replicas)
      await fill(bench, subject, topic, partitions, size, temperature === 'tail' ? TAIL_BYTES : bench.coldBytes)
      if (temperature === 'cold') {
        await createTopic(subject.address, warmTopic, partitions, subject.replicas)
        await fill(bench, subject, warmTopic, partitions, size, TAIL_BYTES)
      }
      settleDisk(bench)
      return {
        async measure() {
          if (temperature === 'cold') {
            await subject.restartCold!()
            await waitForTopic(subject.address, topic, partitions)
            await readAgain(bench, subject, warmTopic, partitions)
          }
          const ranges = rangesOf(await offsetsOf(subject.address, topic, partitions))
          const once = temperature === 'cold'
          const { fetch } = await runLoad(bench, subject, {
            // A cold byte can be read only once, so there is no warm-up, and the window ends early when all is read.
            ...(once ? { warmupMs: 0 } : {}),
            fetch: { topic, ranges, partitionBytesMax: MIB, repeat: !once },
          })
          return sampleOf(fetch!, subject)
        },
        async cleanup() {
          await deleteTopic(subject.address, topic)
          if (temperature === 'cold') await deleteTopic(subject.address, warmTopic)
        },
      }
    },
  }
}

/** After a restart the data should be cold but not the code: a JVM compiles for seconds. Reads a small topic, unreported. */
async function readAgain(bench: Bench, subject: Subject, topic: string, partitions: number): Promise<void> {
  await waitForTopic(subject.address, topic, partitions)
  const ranges = rangesOf(await offsetsOf(subject.address, topic, partitions))
  const fetch = { topic, ranges, partitionBytesMax: MIB, repeat: true }
  await runLoad(bench, subject, { fetch, warmupMs: 0, measureMs: bench.measureMs })
}

async function fill(
  bench: Bench,
  subject: Subject,
  topic: string,
  partitions: number,
  size: keyof typeof BATCHES,
  bytesTotal: number,
): Promise<void> {
  const load = { ...BATCHES[size], topic, partitions, valueBytes: KIB, bytesTotal }
  await runLoad(bench, subject, { produce: load, warmupMs: 0, measureMs: FILL_MS_MAX })
}

/** Partitions dealt out to the connections; a single partition is cut into a stretch for each. */
function rangesOf(offsets: readonly PartitionOffsets[]): FetchRange[] {
  if (offsets.length >= CONNECTIONS) {
    return offsets.map(({ start, end }, partition) => ({
      connection: partition % CONNECTIONS,
      partition,
      from: start,
      to: end,
    }))
  }
  return offsets.flatMap(({ start, end }, partition) =>
    Array.from({ length: CONNECTIONS }, (_, i) => ({
      connection: partition * CONNECTIONS + i,
      partition,
      from: start + Math.floor(((end - start) * i) / CONNECTIONS),
      to: start + Math.floor(((end - start) * (i + 1)) / CONNECTIONS),
    })),
  )
}

function shapes(temperature: Temperature): Workload[] {
  return (['64k', '1m'] as const).flatMap((size) => [consume(temperature, size, 1), consume(temperature, size, 12)])
}

export const consumeWorkloads: readonly Workload[] = [...shapes('tail'), ...shapes('cached')]

/** Apart, because they restart the broker. */
export const coldWorkloads: readonly Workload[] = shapes('cold')
