import {
  commitOffsets,
  committedOffsets,
  deleteGroup,
  describeGroup,
  describeShareGroup,
  listGroups,
  listOffsets,
  setShareGroupOffsets,
} from '@polylog/client/admin'
import type {
  Cluster,
  CommittedOffset,
  GroupDescription,
  ShareGroupDescription,
  StartPoint,
} from '@polylog/client/admin'
import { confirm, printJson, withCluster } from './client-session.ts'
import type { Command, CommandContext, CommandGroup } from './command.ts'
import { brokerFlag, jsonFlag, yesFlag } from './flags.ts'
import { CommandError, UsageError, exitCodes } from './exit-code.ts'
import { shareGroupDescription } from './share-group-description.ts'
import { startPoint } from './start-point.ts'
import { formatCount, formatTable } from './table.ts'

const list: Command = {
  summary: 'List consumer groups.',
  usage: '',
  examples: [['polylog group list', 'every group and its state']],
  flags: { ...jsonFlag, ...brokerFlag },
  words: [0, 0],
  run: (context) =>
    withCluster(context, async (cluster) => {
      const groups = await listGroups(cluster)
      if (context.arguments.has('json')) await printJson(context, groups)
      else if (groups.length === 0) context.terminal.note('There are no groups; a consumer with a group id makes one.')
      else {
        const columns = [{ title: 'group' }, { title: 'state' }, { title: 'protocol' }]
        const rows = groups.map(({ id, state, protocolType }) => [id, state, protocolType])
        await context.terminal.print(formatTable(columns, rows))
      }
      return exitCodes.ok
    }),
}

const describe: Command = {
  summary: 'Show the members of a group and how far behind it is.',
  usage: 'GROUP',
  examples: [['polylog group describe billing', 'members, offsets and lag']],
  flags: { ...jsonFlag, ...brokerFlag },
  words: [1, 1],
  run: (context) =>
    withCluster(context, async (cluster) => {
      const id = context.arguments.words[0]!
      const share = await findShareGroup(cluster, id)
      if (share !== undefined) {
        if (context.arguments.has('json')) await printJson(context, share)
        else await context.terminal.print(shareGroupDescription(share))
        return exitCodes.ok
      }
      const group = await describeGroup(cluster, id)
      const offsets = await lags(cluster, await committedOffsets(cluster, group.id))
      if (context.arguments.has('json')) await printJson(context, { ...group, offsets })
      else await context.terminal.print(description(group, offsets))
      return exitCodes.ok
    }),
}

const resetOffsets: Command = {
  summary: 'Move the offsets of a group, so that it reads again or skips.',
  usage: 'GROUP --topic TOPIC --to WHERE [--partition N] [--dry-run] [--yes]',
  examples: [
    ['polylog group reset-offsets billing --topic orders --to beginning --dry-run', 'shows what would change'],
    ['polylog group reset-offsets billing --topic orders --to 2026-11-22T08:00:00Z', 'reads again from a time on'],
  ],
  notes: ['The group must have no members: stop its consumers first.'],
  flags: {
    topic: { type: 'string', value: 'TOPIC', documentation: 'Topic whose offsets are moved.' },
    to: {
      type: 'string',
      value: 'WHERE',
      documentation: 'beginning, end, an offset, or a time such as 2026-11-22T08:00:00Z.',
    },
    partition: { type: 'string', value: 'N', documentation: 'Only this partition.' },
    'dry-run': { type: 'boolean', documentation: 'Only show what would change.' },
    ...yesFlag,
    ...jsonFlag,
    ...brokerFlag,
  },
  words: [1, 1],
  run: (context) => withCluster(context, (cluster) => reset(context, cluster)),
}

const remove: Command = {
  summary: 'Delete a group and its offsets.',
  usage: 'GROUP [--yes]',
  examples: [['polylog group delete billing', 'asks first; --yes does not']],
  flags: { ...yesFlag, ...brokerFlag },
  words: [1, 1],
  run: (context) =>
    withCluster(context, async (cluster) => {
      const id = context.arguments.words[0]!
      await confirm(context, `Delete group ${id} and its offsets?`)
      await deleteGroup(cluster, id)
      context.terminal.note(`deleted group ${id}`)
      return exitCodes.ok
    }),
}

export const groupCommands: CommandGroup = {
  summary: 'A group is a set of consumers that share the work of a topic and remember how far they came.',
  verbs: { list, describe, 'reset-offsets': resetOffsets, delete: remove },
}

/** Undefined also if the brokers know nothing of share groups. */
async function findShareGroup(cluster: Cluster, id: string): Promise<ShareGroupDescription | undefined> {
  return describeShareGroup(cluster, id).catch((error: unknown) => {
    if (error instanceof Error && 'code' in error && error.code === 'unsupported') return undefined
    throw error
  })
}

interface Lag extends CommittedOffset {
  end: number
  lag: number
}

async function lags(cluster: Cluster, offsets: readonly CommittedOffset[]): Promise<Lag[]> {
  const found: Lag[] = []
  for (const [topic, entries] of Map.groupBy(offsets, (entry) => entry.topic)) {
    const indexes = entries.map(({ partition }) => partition)
    const ends = await listOffsets(cluster, topic, indexes, 'end')
    for (const entry of entries) {
      const end = ends.get(entry.partition) ?? entry.offset
      found.push({ ...entry, end, lag: Math.max(0, end - entry.offset) })
    }
  }
  return found
}

function description(group: GroupDescription, offsets: readonly Lag[]): string {
  const owners = new Map(
    group.members.flatMap(({ id, assigned }) => assigned.map((entry) => [`${entry.topic}/${entry.partition}`, id])),
  )
  const total = offsets.reduce((sum, { lag }) => sum + lag, 0)
  const members = group.members.length
  const head = `Group ${group.id}: ${group.state}, ${members} member${members === 1 ? '' : 's'}, lag ${formatCount(total)}\n`
  const numbers = ['partition', 'offset', 'end', 'lag'].map((title) => ({ title, align: 'right' }) as const)
  const rows = offsets.map(({ topic, partition, offset, end, lag }) => [
    topic,
    ...[partition, offset, end, lag].map(String),
    owners.get(`${topic}/${partition}`) ?? '',
  ])
  const columns = [{ title: 'topic' }, ...numbers, { title: 'member' }]
  return rows.length === 0 ? head : `${head}\n${formatTable(columns, rows)}`
}

async function reset(context: CommandContext, cluster: Cluster): Promise<number> {
  const { arguments: given, terminal } = context
  const id = given.words[0]!
  const topic = given.text('topic')
  const to = given.text('to')
  if (topic === undefined || to === undefined)
    throw new UsageError('say what to move with --topic TOPIC and --to WHERE')
  const targets = await targetOffsets(cluster, topic, given.whole('partition', 0, 1_000_000), startPoint('to', to))
  const share = await findShareGroup(cluster, id)
  const known = share?.progress.filter(({ start }) => start >= 0).map((each) => ({ ...each, offset: each.start }))
  const present = known ?? (await committedOffsets(cluster, id))
  const before = new Map(present.filter((e) => e.topic === topic).map((e) => [e.partition, e.offset]))
  const changes = targets.map((target) => ({ ...target, from: before.get(target.partition) ?? null }))
  const dryRun = given.has('dry-run')
  if (!dryRun) {
    await confirm(context, `Move ${changes.length} offsets of group ${id}?`)
    if (share !== undefined) await setShareGroupOffsets(cluster, id, topic, targets)
    else {
      await refuseIfActive(cluster, id)
      await commitOffsets(cluster, id, targets)
    }
  }
  if (given.has('json')) await printJson(context, { group: id, dryRun, offsets: changes })
  else {
    const numbers = ['partition', 'from', 'to'].map((title) => ({ title, align: 'right' }) as const)
    const rows = changes.map(({ partition, from, offset }) => [
      topic,
      String(partition),
      String(from ?? '-'),
      String(offset),
    ])
    await terminal.print(formatTable([{ title: 'topic' }, ...numbers], rows))
    terminal.note(dryRun ? 'nothing was changed (--dry-run)' : `moved ${changes.length} offsets of group ${id}`)
  }
  return exitCodes.ok
}

async function targetOffsets(
  cluster: Cluster,
  topic: string,
  only: number | undefined,
  point: StartPoint | number,
): Promise<CommittedOffset[]> {
  const { partitions } = await cluster.topic(topic)
  const indexes = only === undefined ? partitions.map(({ index }) => index) : [only]
  const first = await listOffsets(cluster, topic, indexes, 'beginning')
  const end = await listOffsets(cluster, topic, indexes, 'end')
  const found = typeof point === 'number' ? undefined : await listOffsets(cluster, topic, indexes, point)
  return indexes.map((partition) => {
    const wanted = typeof point === 'number' ? point : (found?.get(partition) ?? 0)
    // An offset outside the log would make consumers start wherever their own settings say.
    const offset = Math.min(Math.max(wanted, first.get(partition) ?? 0), end.get(partition) ?? wanted)
    return { topic, partition, offset }
  })
}

async function refuseIfActive(cluster: Cluster, id: string): Promise<void> {
  const group = await describeGroup(cluster, id).catch((error: unknown) => {
    // A group that does not exist yet may be given offsets before its first member comes.
    if (error instanceof Error && 'errorName' in error && error.errorName === 'GROUP_ID_NOT_FOUND') return undefined
    throw error
  })
  if (group === undefined || group.members.length === 0) return
  const members = `${group.members.length} member${group.members.length === 1 ? '' : 's'}`
  throw new CommandError(`group ${id} has ${members}; stop its consumers first, or they would commit over the change`)
}
