import { RecordProducer } from '@polylog/client/admin'
import type { Cluster, OutgoingRecord } from '@polylog/client/admin'
import { printJson, withCluster } from './client-session.ts'
import type { Command, CommandContext } from './command.ts'
import { brokerFlag, jsonFlag } from './flags.ts'
import { exitCodes } from './exit-code.ts'
import { linesOf } from './lines.ts'
import { Progress } from './progress.ts'
import { compressionFlag, compressionOf, separatorFlag, separatorOf } from './record-flags.ts'
import { parseRecord, recordFormats } from './record-line.ts'
import { formatCount } from './table.ts'

/** Bytes of lines that may be on their way to the broker while stdin is read on. */
const underWayBytesMax = 4 * 1024 * 1024

export const produceCommand: Command = {
  summary: 'Send lines of stdin as records of a topic.',
  usage: 'TOPIC [--format text|kv|jsonl] [--key KEY] [--compression CODEC]',
  examples: [
    ['echo hello | polylog produce greetings', 'one record'],
    ['polylog produce orders < orders.jsonl', 'each line of a file is the value of a record'],
    [
      'polylog produce orders --format jsonl < records.jsonl',
      'lines such as {"key":"k1","value":{"n":1},"headers":{"a":"b"}}',
    ],
    ['polylog produce users --format kv --separator : < users.txt', 'lines such as anna:4711'],
  ],
  notes: [
    'Records are sent as an idempotent producer with acks=all: when the command ends with 0, every record is stored, once and in order.',
    'A topic that does not exist is made if the broker allows it.',
  ],
  flags: {
    format: {
      type: 'string',
      value: 'FORM',
      short: 'f',
      documentation: 'text (default): a line is a value; kv: key and value; jsonl: a JSON object.',
    },
    ...separatorFlag,
    key: { type: 'string', value: 'KEY', short: 'k', documentation: 'Key of records that have none.' },
    partition: { type: 'string', value: 'N', short: 'p', documentation: 'Partition of records that name none.' },
    ...compressionFlag,
    ...jsonFlag,
    ...brokerFlag,
  },
  words: [1, 1],
  run: (context) => withCluster(context, (cluster) => produce(context, cluster)),
}

async function produce(context: CommandContext, cluster: Cluster): Promise<number> {
  const { arguments: given, terminal, stdin } = context
  const topic = given.words[0]!
  const producer = new RecordProducer(cluster, { compression: compressionOf(given) })
  if (stdin.isTerminal) terminal.note(`Each line you type becomes a record of ${topic}; Ctrl-D ends.`)
  const progress = new Progress(terminal, `sending to ${topic}`, { unit: 'bytes', total: stdin.totalBytes })
  const counts = new Map<number, number>()
  const underWay = new Set<Promise<void>>()
  let underWayBytes = 0
  const failure = Promise.withResolvers<never>()
  // It is met by the race below; until then it must not count as unhandled.
  failure.promise.catch(() => undefined)
  const send = async (records: readonly OutgoingRecord[], bytes: number): Promise<void> => {
    for (const [partition, count] of await producer.send(topic, records)) {
      counts.set(partition, (counts.get(partition) ?? 0) + count)
    }
    underWayBytes -= bytes
  }
  const source = recordsOf(context)
  let isTopicKnown = false
  for (;;) {
    const next = await Promise.race([source.next(), failure.promise])
    if (next.done === true) break
    const { records, bytes } = next.value
    progress.update(progress.done + bytes)
    if (records.length === 0) continue
    // A broker that cannot be reached is told at once; only one that is lost later is waited for.
    if (!isTopicKnown) await cluster.topic(topic, true)
    isTopicKnown = true
    underWayBytes += bytes
    const sending = send(records, bytes)
    underWay.add(sending)
    sending.then(() => underWay.delete(sending), failure.reject)
    while (underWayBytes > underWayBytesMax) await Promise.race(underWay)
  }
  await Promise.all(underWay)
  progress.end()
  await report(context, topic, counts)
  return exitCodes.ok
}

async function* recordsOf(context: CommandContext): AsyncGenerator<{ records: OutgoingRecord[]; bytes: number }> {
  const { arguments: given } = context
  const format = given.oneOf('format', recordFormats) ?? 'text'
  const separator = separatorOf(given)
  const key = given.text('key')
  const partition = given.whole('partition', 0, 1_000_000)
  let number = 0
  for await (const lines of linesOf(context.stdin.bytes())) {
    const records: OutgoingRecord[] = []
    let bytes = 0
    for (const line of lines) {
      number++
      bytes += line.length + 1
      if (format === 'jsonl' && line.length === 0) continue
      const record = parseRecord(line, format, separator, number)
      if (key !== undefined) record.key ??= key
      if (partition !== undefined) record.partition ??= partition
      records.push(record)
    }
    yield { records, bytes }
  }
}

async function report(context: CommandContext, topic: string, counts: ReadonlyMap<number, number>): Promise<void> {
  const total = [...counts.values()].reduce((sum, count) => sum + count, 0)
  const partitions = Object.fromEntries([...counts].toSorted(([a], [b]) => a - b))
  if (context.arguments.has('json')) return printJson(context, { topic, records: total, partitions })
  const names = Object.keys(partitions)
  const where = names.length === 0 ? '' : ` (partition${names.length === 1 ? '' : 's'} ${names.join(', ')})`
  context.terminal.note(`sent ${formatCount(total)} record${total === 1 ? '' : 's'} to ${topic}${where}`)
}
