// Kills a broker with SIGKILL again and again under load, and checks that it kept its word. `npm test` runs the short
// form (kill.test.ts); the long one is
//   node test/system/kill-loop.ts --kills 200 [--seed N]
import { Cluster, createTopic } from '@polylog/client/admin'
import { parseArgs } from 'node:util'
import { BrokerProcess } from './broker-process.ts'
import type { BrokerProcessOptions } from './broker-process.ts'
import { findAnomalies } from './kill/history.ts'
import type { History } from './kill/history.ts'
import { readInGroup } from './kill/group-reader.ts'
import type { GroupReader } from './kill/group-reader.ts'
import { committedOf, readAll } from './kill/readers.ts'
import { writePipelined, writeWithKafkajs } from './kill/writers.ts'
import type { Writer } from './kill/writers.ts'
import { until } from './wait.ts'

const topic = 'ledger'
const groupId = 'auditors'

export interface KillLoopOptions extends BrokerProcessOptions {
  kills: number
  /** Of the moments of the kills, counted in acknowledged records. Timing in between is the machine's. */
  seed: number
  /** Called after each restart. */
  progress?: (text: string) => void
}

export interface KillLoopResult {
  anomalies: string[]
  acknowledgedCount: number
  readCount: number
  /** Time from exec to serving, recovery included, by kill. */
  restartsMs: number[]
}

/**
 * What kill -9 shows: that everything acknowledged had left the process, that recovery puts journal and segments
 * together again after a stop at any instruction, and that idempotence and committed offsets survive it. What it cannot
 * show: that the data had left the page cache, which outlives the process. For that there are the crash states
 * (test/crash-states), which lose and tear every write that was not synced.
 */
export async function killLoop(options: KillLoopOptions): Promise<KillLoopResult> {
  const { kills, seed, progress = () => {}, ...brokerOptions } = options
  await using broker = await BrokerProcess.start(brokerOptions)
  const { address } = broker
  {
    await using cluster = new Cluster({ brokers: address })
    await createTopic(cluster, { name: topic, partitionCount: 4 })
  }
  await using idempotent = writeWithKafkajs(address, topic, [0, 1])
  await using pipelined = writePipelined(address, topic, [2, 3])
  const writers = [idempotent, pipelined]
  await using reader = await readInGroup(address, groupId, topic, 50)
  const committed: ReadonlyMap<number, number>[] = []
  const restartsMs: number[] = []
  const random = pseudoRandom(seed)
  for (let kill = 1; kill <= kills; kill++) {
    await untilAtWork(writers, reader, 1 + Math.floor(random() * 300))
    await broker.kill()
    committed.push(new Map(reader.committed))
    const start = performance.now()
    await broker.restart()
    restartsMs.push(performance.now() - start)
    committed.push(await committedOf(address, groupId))
    progress(
      `kill ${kill}: ${acknowledgedBy(writers)} records acknowledged, back in ${restartsMs.at(-1)!.toFixed(0)} ms`,
    )
  }
  await untilAtWork(writers, reader, 1)
  for (const writer of writers) await writer.stop()
  await reader.stop()
  const acknowledged = writers.flatMap((writer) => writer.acknowledged)
  const refusals = writers.flatMap((writer) => writer.refusals)
  const readAfter = await readAll(address, topic)
  const history: History = { refusals, acknowledged, readWhile: reader.read, readAfter, committed }
  const counts = { acknowledgedCount: acknowledged.length, readCount: reader.read.length }
  return { anomalies: findAnomalies(history), ...counts, restartsMs }
}

function acknowledgedBy(writers: readonly Writer[]): number {
  return writers.reduce((sum, { acknowledged }) => sum + acknowledged.length, 0)
}

/** A run counts only if each of them gets on with its work between two kills. */
async function untilAtWork(writers: readonly Writer[], reader: GroupReader, count: number): Promise<void> {
  const counts = (): number[] => [...writers.map(({ acknowledged }) => acknowledged.length), reader.read.length]
  const before = counts()
  const commitsBefore = [...reader.committed.values()].reduce((sum, offset) => sum + offset, 0)
  await until(
    () => `writers and reader went from ${before.join(', ')} to ${counts().join(', ')}, wanted ${count} more each`,
    () =>
      counts().every((now, i) => now >= before[i]! + count) &&
      [...reader.committed.values()].reduce((sum, offset) => sum + offset, 0) > commitsBefore,
  )
}

/** Numbers in [0, 1) that repeat with the seed (mulberry32). */
function pseudoRandom(seed: number): () => number {
  let state = seed >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}

if (import.meta.main) {
  const { values } = parseArgs({ options: { kills: { type: 'string', default: '200' }, seed: { type: 'string' } } })
  const seed = Number(values.seed ?? Date.now() % 2 ** 32)
  console.log(`${values.kills} kills with --seed ${seed}`)
  const result = await killLoop({ kills: Number(values.kills), seed, progress: (text) => console.log(text) })
  const { anomalies, acknowledgedCount, readCount, restartsMs } = result
  for (const anomaly of anomalies.slice(0, 100)) console.log(anomaly)
  const slowest = Math.max(...restartsMs).toFixed(0)
  console.log(
    `${acknowledgedCount} acknowledged, ${readCount} read meanwhile, slowest restart ${slowest} ms, ${anomalies.length} anomalies`,
  )
  process.exitCode = anomalies.length === 0 ? 0 : 1
}
