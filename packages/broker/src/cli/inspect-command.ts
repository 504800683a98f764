import { resolve } from 'node:path'
import type { Disk } from '../host/disk.ts'
import { createNodeHost } from '../host/node/node-host.ts'
import { inspectDirectory } from '../inspect/inspect.ts'
import type { InspectReport } from '../inspect/inspect.ts'
import { removeSetAside, setAsideReasons } from '../inspect/set-aside.ts'
import type { SetAside } from '../inspect/set-aside.ts'
import { confirm, printJson } from './client-session.ts'
import type { Command, CommandContext } from './command.ts'
import { jsonFlag, yesFlag } from './flags.ts'
import { CommandError, exitCodes } from './exit-code.ts'
import { Progress } from './progress.ts'
import { formatBytes, formatCount, formatTable } from './table.ts'

export const inspectCommand: Command = {
  summary:
    'Explain a data folder whose broker is stopped, and verify every checksum in it. Changes nothing without --clean.',
  usage: '[DIR] [--all] [--clean [--yes]]',
  examples: [
    ['polylog inspect', 'the data in ./polylog-data'],
    ['polylog inspect /var/lib/polylog --json', 'for programs: exit code 1 if anything is wrong'],
    ['polylog inspect --clean', 'then remove, after a question, what recoveries have set aside'],
  ],
  flags: {
    all: { type: 'boolean', documentation: 'Show empty partitions and topics of the broker itself too.' },
    clean: { type: 'boolean', documentation: 'Remove what recoveries have set aside, unless anything is damaged.' },
    ...yesFlag,
    ...jsonFlag,
  },
  words: [0, 1],
  run: async (context) => {
    const directory = resolve(context.arguments.words[0] ?? './polylog-data')
    const progress = new Progress(context.terminal, 'verifying', { unit: 'bytes' })
    const { disk } = createNodeHost()
    const report = await inspectDirectory(disk, directory, (done) => progress.update(done))
    progress.end()
    if (context.arguments.has('json')) await printJson(context, report)
    else await context.terminal.print(textOf(context, report))
    if (context.arguments.has('clean')) await clean(context, disk, report)
    return report.problems.length === 0 ? exitCodes.ok : exitCodes.failed
  },
}

async function clean(context: CommandContext, disk: Disk, report: InspectReport): Promise<void> {
  if (report.problems.length > 0) {
    throw new CommandError('nothing was removed: there is damage, and what was set aside may help to repair it')
  }
  const { length } = report.setAside
  if (length > 0) {
    await confirm(context, `Remove ${length} file(s) or folder(s) set aside, ${formatBytes(sumOf(report.setAside))}?`)
    const removed = await removeSetAside(disk, report.directory)
    context.terminal.note(`removed ${removed.length} file(s) or folder(s), ${formatBytes(sumOf(removed))}`)
  } else context.terminal.note('nothing is set aside')
}

function sumOf(setAside: readonly SetAside[]): number {
  return setAside.reduce((sum, { bytes }) => sum + bytes, 0)
}

function setAsideText({ directory, setAside }: InspectReport): string {
  if (setAside.length === 0) return ''
  const columns = [{ title: 'set aside' }, { title: 'size', align: 'right' as const }, { title: 'kind' }]
  const rows = setAside.map(({ path, bytes, kind }) => [path.slice(directory.length + 1), formatBytes(bytes), kind])
  const kinds = [...new Set(setAside.map(({ kind }) => kind))].map((kind) => `${kind}: ${setAsideReasons[kind]}\n`)
  return `${formatTable(columns, rows)}${kinds.join('')}No broker reads these again; "--clean" removes them.\n\n`
}

function textOf(context: CommandContext, report: InspectReport): string {
  const { identity, journal } = report
  const shown = report.logs.filter(
    (log) => context.arguments.has('all') || (log.endOffset > 0 && !log.topic.startsWith('__')),
  )
  const head = [
    `${report.directory}: broker ${identity.brokerId} of cluster ${identity.clusterId}`,
    report.cleanlyStopped
      ? 'stopped cleanly'
      : 'not stopped cleanly, unless a broker runs in it right now: the next start will recover it',
    `journal: ${formatCount(journal.files)} file(s), ${formatCount(journal.entries)} entries`,
  ]
  const columns = [
    { title: 'topic' },
    { title: 'partition', align: 'right' as const },
    { title: 'start', align: 'right' as const },
    { title: 'end', align: 'right' as const },
    { title: 'segments', align: 'right' as const },
    { title: 'size', align: 'right' as const },
    { title: 'only in journal', align: 'right' as const },
  ]
  const rows = shown.map((log) => [
    log.topic,
    String(log.partition),
    String(log.startOffset),
    String(log.endOffset),
    String(log.segments),
    formatBytes(log.bytes),
    formatCount(log.journaledRecords),
  ])
  const table = rows.length === 0 ? 'No records in topics of users.\n' : formatTable(columns, rows)
  const remarks = report.remarks.map((remark) => `note: ${remark}\n`).join('')
  const verdict =
    report.problems.length === 0
      ? 'Everything that has a checksum is intact.\n'
      : report.problems.map((problem) => `DAMAGED: ${problem}\n`).join('')
  return `${head.join('\n')}\n\n${table}\n${setAsideText(report)}${remarks}${verdict}`
}
