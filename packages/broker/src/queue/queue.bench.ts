/**
 * What a queue costs: `node --expose-gc packages/broker/src/queue/queue.bench.ts`. Memory with ten million messages waiting
 * and a thousand in flight, against an empty one; and how much one message that fails for ever slows the others down.
 */
import { setImmediate as turn } from 'node:timers/promises'
import { MemoryGroupLog } from '../group/testing/memory-group-log.ts'
import { createNodeHost } from '../host/node/node-host.ts'
import { stampBatch } from '../record/batch.ts'
import { buildBatch } from '../record/build.ts'
import { silentLogger } from '../telemetry/logger.ts'
import type { Partition, ReadRequest, ReadResult } from '../topic/partition.ts'
import type { Topic } from '../topic/topics.ts'
import type { GroupQueueConfig } from './group-queue-config.ts'
import { LedQueues } from './led-queues.ts'
import { noCounts } from './queue-counts.ts'
import { StateLog } from './state-log.ts'
import { testGroupConfig } from './testing/group-config.ts'

const topicId = 'AAAAAAAAAAAAAAAAAAAAAQ'
const id = { groupId: 'g', topicId, index: 0 }
const batchRecords = 100
const { clock } = createNodeHost()

/** As many messages as it is said to have, all of them in the same bytes. */
class EndlessPartition {
  readonly topicName = 't'
  readonly topicId = topicId
  readonly index = 0
  readonly leaderEpoch = 0
  readonly logStartOffset = 0
  readonly isSettled = true
  highWatermark = 0
  readonly #batch = buildBatch(
    Array.from({ length: batchRecords }, () => ({ key: null, value: Buffer.alloc(256) })),
    { baseTimestampMs: 1 },
  )

  get lastStableOffset(): number {
    return this.highWatermark
  }

  read({ offset }: ReadRequest): ReadResult {
    const base = offset - (offset % batchRecords)
    const chunk = new Uint8Array(this.#batch)
    stampBatch(chunk, 0, base, 0)
    const chunks = offset < this.highWatermark ? [chunk] : []
    return { chunks, bytes: chunk.length, abortedTransactions: [], release: () => undefined } as unknown as ReadResult
  }

  onAdvance(): () => void {
    return () => undefined
  }
}

/** Forgets its batches: what they take up is the disk's. */
class ForgetfulLog extends MemoryGroupLog {
  override append(...given: Parameters<MemoryGroupLog['append']>): Promise<void> {
    const appended = super.append(...given)
    this.batches.length = 0
    return appended
  }
}

async function open(partition: EndlessPartition, given: Partial<GroupQueueConfig> = {}): Promise<LedQueues> {
  const stateLog = new StateLog({ log: new ForgetfulLog(), clock, logger: silentLogger })
  await stateLog.load(0)
  const config = testGroupConfig(given)
  return new LedQueues({
    store: stateLog,
    clock,
    logger: silentLogger,
    config: () => config,
    judge: () => undefined,
    deadLetters: { write: async () => 0 },
    counts: noCounts(),
    stateWritten: () => undefined,
    topics: {
      findById: () => ({ name: 't', id: topicId, partitions: [{}] }) as unknown as Topic,
      partition: () => partition as unknown as Partition,
    },
  })
}

async function take(queues: LedQueues, memberId: string, recordsMax: number) {
  const request = { ...id, memberId, recordsMax, bytesMax: 1 << 20, atLeastOne: true, mode: 'batch-optimized' } as const
  return queues.acquire(request)
}

function heapMb(): number {
  globalThis.gc?.()
  globalThis.gc?.()
  return process.memoryUsage().heapUsed / 1e6
}

async function memory(): Promise<void> {
  const partition = new EndlessPartition()
  const queues = await open(partition, { lockCountMax: 100_000 })
  await take(queues, 'a', 1)
  const emptyMb = heapMb()
  partition.highWatermark = 10_000_000
  // Every other one of the thousand is settled, so that each is a range of its own.
  const held: number[] = []
  while (held.length < 1000) {
    for (const { firstOffset, lastOffset } of (await take(queues, 'a', 200)).ranges) {
      for (let offset = firstOffset; offset <= lastOffset; offset += 2) held.push(offset)
      const odd = Array.from({ length: (lastOffset - firstOffset + 1) >> 1 }, (_, at) => firstOffset + at * 2 + 1)
      const accepted = odd.map((offset) => ({ firstOffset: offset, lastOffset: offset, types: ['accept'] as const }))
      const fault = await queues.acknowledge(id, 'a', accepted)
      if (fault !== undefined) throw new Error(fault)
    }
  }
  const [queue] = [...queues.queues()]
  const fullMb = heapMb()
  const { acquiredCount, readyCount } = queue!.load
  console.log(`waiting ${readyCount}, in flight ${acquiredCount}: ${(fullMb - emptyMb).toFixed(2)} MB more than empty`)
  queues.stop()
}

/** Messages per second through one queue, acknowledged in batches by several members. */
async function throughput(hasPoison: boolean, durationMs: number): Promise<number> {
  const partition = new EndlessPartition()
  partition.highWatermark = Number.MAX_SAFE_INTEGER
  const queues = await open(partition, { deliveryCountMax: 1_000_000 })
  const startMs = clock.monotonicMs()
  let count = 0
  const work = async (memberId: string): Promise<void> => {
    while (clock.monotonicMs() - startMs < durationMs) {
      const { ranges } = await take(queues, memberId, 100)
      const said = ranges.flatMap(({ firstOffset, lastOffset }) => {
        if (!hasPoison || firstOffset > 0) return [{ firstOffset, lastOffset, types: ['accept'] as const }]
        const poison = { firstOffset: 0, lastOffset: 0, types: ['release'] as const }
        if (lastOffset === 0) return [poison]
        return [poison, { firstOffset: 1, lastOffset, types: ['accept'] as const }]
      })
      await queues.acknowledge(id, memberId, said)
      for (const { firstOffset, lastOffset } of ranges) count += lastOffset - firstOffset + 1
      await turn()
    }
  }
  await Promise.all(Array.from({ length: 8 }, (_, at) => work(`m${at}`)))
  queues.stop()
  return count / ((clock.monotonicMs() - startMs) / 1000)
}

await memory()
const rates = { clean: [] as number[], poisoned: [] as number[] }
for (let round = 0; round < 3; round++) {
  rates.clean.push(await throughput(false, 1500))
  rates.poisoned.push(await throughput(true, 1500))
}
const best = (values: number[]): number => Math.max(...values)
console.log(`clean ${Math.round(best(rates.clean))}/s, one message failing ${Math.round(best(rates.poisoned))}/s`)
console.log(`that is ${((best(rates.poisoned) / best(rates.clean)) * 100).toFixed(1)} %`)
