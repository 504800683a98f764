import { Fetcher, GroupReader, listOffsets } from '@polylog/client/admin'
import type { Cluster, ReceivedRecord } from '@polylog/client/admin'
import { withCluster } from './client-session.ts'
import type { Command, CommandContext } from './command.ts'
import { brokerFlag, jsonFlag } from './flags.ts'
import { UsageError, exitCodes } from './exit-code.ts'
import { separatorFlag, separatorOf } from './record-flags.ts'
import { formatRecord, recordFormats } from './record-line.ts'
import { startPoint } from './start-point.ts'
import { OutputClosed } from './terminal.ts'

export const consumeCommand: Command = {
  summary: 'Print records of a topic.',
  usage: 'TOPIC [--from WHERE] [--follow] [--group GROUP] [--max N]',
  examples: [
    ['polylog consume orders', 'everything that is there, then end'],
    ['polylog consume orders --from end --follow', 'only what comes from now on, until Ctrl-C'],
    ['polylog consume orders --from 2026-11-22T08:00:00Z --json | jq .value', 'from a time on, with keys and offsets'],
    ['polylog consume orders --group billing --follow', 'as a member of a group, which remembers how far it came'],
  ],
  flags: {
    from: {
      type: 'string',
      value: 'WHERE',
      documentation: 'beginning (default), end, an offset, or a time such as 2026-11-22T08:00:00Z.',
    },
    follow: { type: 'boolean', documentation: 'Wait for more at the end.' },
    group: {
      type: 'string',
      value: 'GROUP',
      short: 'g',
      documentation: 'Read as a member of a consumer group and commit offsets.',
    },
    partition: { type: 'string', value: 'N', short: 'p', documentation: 'Only this partition.' },
    max: { type: 'string', value: 'N', short: 'n', documentation: 'End after so many records.' },
    format: {
      type: 'string',
      value: 'FORM',
      short: 'f',
      documentation: 'text (default): values; kv: key, tab, value; jsonl: everything as JSON.',
    },
    ...separatorFlag,
    ...jsonFlag,
    ...brokerFlag,
  },
  words: [1, 1],
  run: (context) => withCluster(context, (cluster) => consume(context, cluster)),
}

/** What both ways of reading offer. */
interface Source {
  poll(): Promise<ReceivedRecord[]>
  /** Whether everything that was there at the start was handed out. */
  isAtEnd(): boolean
  /** `printed`: how many of the records of the last poll were printed; all of them, if it is left out. */
  close(printed?: number): Promise<void>
}

async function consume(context: CommandContext, cluster: Cluster): Promise<number> {
  const { arguments: given, interrupted, terminal } = context
  // Its being there tells the dispatcher of signals that this command ends in good order.
  interrupted.addEventListener('abort', () => undefined)
  const max = given.whole('max', 0, Number.MAX_SAFE_INTEGER) ?? Number.POSITIVE_INFINITY
  const source = given.has('group') ? groupSource(context, cluster) : await topicSource(context, cluster)
  const write = writerOf(context)
  let count = 0
  let printed: number | undefined
  try {
    while (count < max && !interrupted.aborted && (given.has('follow') || !source.isAtEnd())) {
      printed = 0
      const wanted = (await source.poll()).slice(0, max - count)
      if (wanted.length > 0) await write(wanted)
      printed = wanted.length
      count += printed
    }
  } catch (error) {
    if (!(error instanceof OutputClosed)) terminal.note(`polylog: ended after ${count} records`)
    else await source.close(printed)
    throw error
  }
  await source.close(printed)
  return exitCodes.ok
}

function writerOf({
  arguments: given,
  terminal,
}: CommandContext): (records: readonly ReceivedRecord[]) => Promise<void> {
  const format = given.has('json') ? 'jsonl' : (given.oneOf('format', recordFormats) ?? 'text')
  const separator = separatorOf(given)
  return (records) => terminal.print(Buffer.concat(records.map((record) => formatRecord(record, format, separator))))
}

async function topicSource({ arguments: given }: CommandContext, cluster: Cluster): Promise<Source> {
  const topic = await cluster.topic(given.words[0]!)
  const only = given.whole('partition', 0, 1_000_000)
  const indexes = only === undefined ? topic.partitions.map(({ index }) => index) : [only]
  const point = startPoint('from', given.text('from') ?? 'beginning')
  const starts =
    typeof point === 'number'
      ? new Map(indexes.map((index) => [index, point]))
      : await listOffsets(cluster, topic.name, indexes, point)
  const ends = given.has('follow') ? undefined : await listOffsets(cluster, topic.name, indexes, 'end')
  const fetcher = new Fetcher(cluster)
  for (const [partition, offset] of starts) {
    // What ends where it begins need not be asked for.
    if (ends === undefined || offset < (ends.get(partition) ?? 0))
      fetcher.seek({ topic: topic.name, partition }, offset)
  }
  return {
    poll: async () => {
      const records = await fetcher.poll()
      return ends === undefined
        ? records
        : records.filter(({ partition, offset }) => offset < (ends.get(partition) ?? 0))
    },
    isAtEnd: () => fetcher.positions().every(({ partition, offset }) => offset >= (ends?.get(partition) ?? 0)),
    close: () => Promise.resolve(),
  }
}

function groupSource({ arguments: given }: CommandContext, cluster: Cluster): Source {
  const from = given.oneOf('from', ['beginning', 'end'])
  if (given.has('partition')) throw new UsageError('--partition does not go with --group, which shares partitions out')
  const consumer = new GroupReader(cluster, {
    group: given.text('group')!,
    topics: [given.words[0]!],
    from: from ?? 'beginning',
  })
  return {
    poll: () => consumer.poll(),
    isAtEnd: () => consumer.isAtEnd,
    close: (printed) => consumer.close(printed),
  }
}
