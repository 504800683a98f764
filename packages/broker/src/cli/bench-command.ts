import { randomBytes, randomUUID } from 'node:crypto'
import { Cluster, Fetcher, RecordProducer, createTopic, deleteTopic, listOffsets } from '@polylog/client/admin'
import type { Compression, OutgoingRecord } from '@polylog/client/admin'
import { clusterOptionsOf, printJson, withCluster } from './client-session.ts'
import type { Command, CommandContext } from './command.ts'
import { brokerFlag, jsonFlag } from './flags.ts'
import { CommandError, exitCodes } from './exit-code.ts'
import { Progress } from './progress.ts'
import { compressionFlag, compressionOf } from './record-flags.ts'
import { formatCount, formatTable } from './table.ts'

/** What one phase of the measurement gave. */
interface Phase {
  phase: 'produce' | 'consume'
  records: number
  bytes: number
  seconds: number
  /** Time of one batch (produce) or one answer (consume), in milliseconds. */
  p50Ms: number
  p99Ms: number
}

interface Load {
  topic: string
  recordCount: number
  recordBytes: number
  batchRecords: number
  producers: number
  compression: Compression
}

export const benchCommand: Command = {
  summary: 'Measure how fast a broker stores records and delivers them.',
  usage: '[--records N] [--size BYTES] [--producers N]',
  examples: [
    ['polylog bench', '100,000 records of 1 KiB to the broker on this machine'],
    ['polylog bench --records 1000000 --size 100 --producers 8 --json', 'many small records, result for programs'],
  ],
  notes: [
    'Makes a topic of its own and deletes it at the end. Producers wait for each batch (acks=all), one batch in flight each. The measuring client shares the machine with the broker: "npm run bench" in a checkout has a leaner one.',
  ],
  flags: {
    records: { type: 'string', value: 'N', documentation: 'Number of records (default 100000).' },
    size: { type: 'string', value: 'BYTES', documentation: 'Size of a value (default 1024).' },
    batch: { type: 'string', value: 'BYTES', documentation: 'Size of a batch (default 65536).' },
    producers: {
      type: 'string',
      value: 'N',
      documentation: 'Producers at a time, each with a connection (default 4).',
    },
    partitions: {
      type: 'string',
      value: 'N',
      documentation: 'Partitions of the topic (default: as many as producers).',
    },
    ...compressionFlag,
    ...jsonFlag,
    ...brokerFlag,
  },
  words: [0, 0],
  run: (context) => withCluster(context, (cluster) => bench(context, cluster)),
}

async function bench(context: CommandContext, cluster: Cluster): Promise<number> {
  const { arguments: given, interrupted } = context
  interrupted.addEventListener('abort', () => undefined)
  const producers = given.whole('producers', 1, 256) ?? 4
  const recordBytes = given.whole('size', 1, 16_777_216) ?? 1024
  const load: Load = {
    topic: `polylog-bench-${randomUUID().slice(0, 8)}`,
    recordCount: given.whole('records', 1, 1_000_000_000) ?? 100_000,
    recordBytes,
    batchRecords: Math.max(1, Math.floor((given.whole('batch', 1, 67_108_864) ?? 65_536) / recordBytes)),
    producers,
    compression: compressionOf(given),
  }
  const partitionCount = given.whole('partitions', 1, 10_000) ?? producers
  await createTopic(cluster, { name: load.topic, partitionCount })
  try {
    const phases = [await produce(context, load, partitionCount), await consume(context, cluster, load, partitionCount)]
    await report(context, phases)
    return exitCodes.ok
  } finally {
    await deleteTopic(cluster, load.topic)
  }
}

async function produce(context: CommandContext, load: Load, partitionCount: number): Promise<Phase> {
  const progress = new Progress(context.terminal, 'producing', { unit: 'records', total: load.recordCount })
  const times: number[] = []
  // Random bytes, so that compression has no easier work than in life; one value for all, so that making it costs nothing.
  const value = randomBytes(load.recordBytes)
  let sent = 0
  let claimed = 0
  const started = performance.now()
  const worker = async (number: number): Promise<void> => {
    await using own = new Cluster(await clusterOptionsOf(context, 'polylog-bench'))
    const producer = new RecordProducer(own, { compression: load.compression, batchBytesMax: 67_108_864 })
    const record: OutgoingRecord = { value, partition: number % partitionCount }
    while (claimed < load.recordCount) {
      if (context.interrupted.aborted) throw new CommandError('interrupted')
      const count = Math.min(load.batchRecords, load.recordCount - claimed)
      claimed += count
      const began = performance.now()
      await producer.send(load.topic, Array<OutgoingRecord>(count).fill(record))
      times.push(performance.now() - began)
      sent += count
      progress.update(sent)
    }
  }
  await Promise.all(Array.from({ length: load.producers }, (_, number) => worker(number)))
  const seconds = (performance.now() - started) / 1000
  progress.end()
  return { phase: 'produce', records: sent, bytes: sent * load.recordBytes, seconds, ...percentiles(times) }
}

async function consume(context: CommandContext, cluster: Cluster, load: Load, partitionCount: number): Promise<Phase> {
  const progress = new Progress(context.terminal, 'consuming', { unit: 'records', total: load.recordCount })
  const fetcher = new Fetcher(cluster)
  const indexes = Array.from({ length: partitionCount }, (_, index) => index)
  for (const [partition, offset] of await listOffsets(cluster, load.topic, indexes, 'beginning')) {
    fetcher.seek({ topic: load.topic, partition }, offset)
  }
  const times: number[] = []
  let received = 0
  const started = performance.now()
  while (received < load.recordCount) {
    if (context.interrupted.aborted) throw new CommandError('interrupted')
    const began = performance.now()
    const records = await fetcher.poll()
    if (records.length === 0) throw new CommandError(`only ${received} of ${load.recordCount} records came back`)
    times.push(performance.now() - began)
    received += records.length
    progress.update(received)
  }
  const seconds = (performance.now() - started) / 1000
  progress.end()
  return { phase: 'consume', records: received, bytes: received * load.recordBytes, seconds, ...percentiles(times) }
}

function percentiles(times: number[]): Pick<Phase, 'p50Ms' | 'p99Ms'> {
  const sorted = times.toSorted((a, b) => a - b)
  const at = (share: number): number => sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0
  return { p50Ms: at(0.5), p99Ms: at(0.99) }
}

async function report(context: CommandContext, phases: readonly Phase[]): Promise<void> {
  const rated = phases.map((phase) => ({
    ...phase,
    recordsPerSecond: phase.records / phase.seconds,
    megabytesPerSecond: phase.bytes / 1e6 / phase.seconds,
  }))
  if (context.arguments.has('json')) return printJson(context, rated)
  const titles = ['records', 'seconds', 'records/s', 'MB/s', 'p50 ms', 'p99 ms']
  const columns = [{ title: 'phase' }, ...titles.map((title) => ({ title, align: 'right' }) as const)]
  const rows = rated.map((phase) => [
    phase.phase,
    formatCount(phase.records),
    phase.seconds.toFixed(2),
    formatCount(phase.recordsPerSecond),
    phase.megabytesPerSecond.toFixed(1),
    phase.p50Ms.toFixed(2),
    phase.p99Ms.toFixed(2),
  ])
  await context.terminal.print(formatTable(columns, rows))
}
