import {
  addPartitions,
  alterTopicConfigs,
  createTopic,
  deleteTopic,
  listOffsets,
  topicConfigs,
} from '@polylog/client/admin'
import type { Cluster, NewTopic, TopicInfo } from '@polylog/client/admin'
import { findTopicConfigFault } from '../config/topic-settings.ts'
import { confirm, printJson, withCluster } from './client-session.ts'
import type { Command, CommandContext, CommandGroup } from './command.ts'
import { brokerFlag, jsonFlag, yesFlag } from './flags.ts'
import { UsageError, exitCodes } from './exit-code.ts'
import { formatCount, formatTable } from './table.ts'

const configFlag = {
  config: {
    type: 'string',
    value: 'NAME=VALUE',
    short: 'c',
    multiple: true,
    documentation: 'A setting of the topic, such as retention.ms=3600000; may be repeated.',
  },
} as const

const create: Command = {
  summary: 'Create a topic.',
  usage: 'TOPIC [--partitions N] [--config NAME=VALUE …]',
  examples: [
    ['polylog topic create orders --partitions 6', 'six partitions, so that up to six consumers share the work'],
    ['polylog topic create users --config cleanup.policy=compact', 'keep the newest record of each key for ever'],
  ],
  flags: {
    partitions: {
      type: 'string',
      value: 'N',
      short: 'p',
      documentation: "Number of partitions (default: the broker's).",
    },
    replicas: {
      type: 'string',
      value: 'N',
      short: 'r',
      documentation: "Copies of each partition (default: the broker's).",
    },
    ...configFlag,
    'if-not-exists': { type: 'boolean', documentation: 'Do nothing if the topic exists.' },
    ...jsonFlag,
    ...brokerFlag,
  },
  words: [1, 1],
  run: (context) =>
    withCluster(context, async (cluster) => {
      const topic = newTopic(context)
      const made = await createUnless(cluster, topic, context.arguments.has('if-not-exists'))
      if (context.arguments.has('json')) await printJson(context, { topic: topic.name, created: made })
      else context.terminal.note(made ? `created topic ${topic.name}` : `topic ${topic.name} exists already`)
      return exitCodes.ok
    }),
}

const list: Command = {
  summary: 'List topics.',
  usage: '[--all]',
  examples: [['polylog topic list', 'names and sizes of all topics']],
  flags: { all: { type: 'boolean', documentation: 'Internal topics as well.' }, ...jsonFlag, ...brokerFlag },
  words: [0, 0],
  run: (context) =>
    withCluster(context, async (cluster) => {
      const { topics } = await cluster.describe()
      const shown = topics
        .filter((topic) => context.arguments.has('all') || !topic.internal)
        .toSorted((a, b) => (a.name < b.name ? -1 : 1))
      if (context.arguments.has('json')) {
        await printJson(
          context,
          shown.map(({ name, internal, partitions }) => ({ name, internal, partitions: partitions.length })),
        )
        return exitCodes.ok
      }
      if (shown.length === 0) context.terminal.note('There are no topics yet; "polylog topic create NAME" makes one.')
      const columns = [
        { title: 'topic' },
        { title: 'partitions', align: 'right' },
        { title: 'replicas', align: 'right' },
      ] as const
      const rows = shown.map(({ name, partitions }) => [
        name,
        String(partitions.length),
        String(partitions[0]?.replicas.length ?? 0),
      ])
      if (shown.length > 0) await context.terminal.print(formatTable(columns, rows))
      return exitCodes.ok
    }),
}

const describe: Command = {
  summary: 'Show the partitions and settings of a topic.',
  usage: 'TOPIC [--all]',
  examples: [
    ['polylog topic describe orders', 'partitions, offsets, and settings that are not defaults'],
    ['polylog topic describe orders --all', 'every setting'],
  ],
  flags: {
    all: { type: 'boolean', documentation: 'Every setting, not only changed ones.' },
    ...jsonFlag,
    ...brokerFlag,
  },
  words: [1, 1],
  run: (context) =>
    withCluster(context, async (cluster) => {
      const topic = await cluster.topic(context.arguments.words[0]!)
      const configs = (await topicConfigs(cluster, topic.name)).filter(
        ({ source }) => context.arguments.has('all') || source !== 'default',
      )
      const partitions = await partitionRows(cluster, topic)
      if (context.arguments.has('json')) {
        const settings = Object.fromEntries(configs.map(({ name, value }) => [name, value]))
        await printJson(context, { topic: topic.name, id: topic.id, internal: topic.internal, partitions, settings })
        return exitCodes.ok
      }
      const numbers = ['partition', 'leader', 'first offset', 'next offset', 'records'].map(
        (title) => ({ title, align: 'right' }) as const,
      )
      const columns = [...numbers, { title: 'replicas' }, { title: 'in sync' }]
      const rows = partitions.map(({ partition, leader, firstOffset, nextOffset, replicas, inSync }) => [
        ...[partition, leader, firstOffset, nextOffset].map(String),
        formatCount(nextOffset - firstOffset),
        replicas.join(','),
        inSync.join(','),
      ])
      const settings = [{ title: 'setting' }, { title: 'value' }, { title: 'from' }]
      const settingRows = configs.map(({ name, value, source }) => [name, value ?? '', source])
      await context.terminal.print(`Topic ${topic.name}, id ${topic.id}\n\n${formatTable(columns, rows)}`)
      if (configs.length > 0) await context.terminal.print(`\n${formatTable(settings, settingRows)}`)
      return exitCodes.ok
    }),
}

const remove: Command = {
  summary: 'Delete topics with all their records.',
  usage: 'TOPIC … [--yes]',
  examples: [['polylog topic delete orders', 'asks first; --yes does not']],
  flags: {
    ...yesFlag,
    'if-exists': { type: 'boolean', documentation: 'Do nothing if a topic does not exist.' },
    ...brokerFlag,
  },
  words: [1, 100],
  run: (context) =>
    withCluster(context, async (cluster) => {
      const names = context.arguments.words
      await confirm(context, `Delete ${names.join(', ')} with all records?`)
      for (const name of names) {
        const deleted = await deleteTopic(cluster, name).then(
          () => true,
          (error: unknown) => {
            if (context.arguments.has('if-exists') && isNamed(error, 'UNKNOWN_TOPIC_OR_PARTITION')) return false
            throw error
          },
        )
        context.terminal.note(deleted ? `deleted topic ${name}` : `there is no topic ${name}`)
      }
      return exitCodes.ok
    }),
}

const alter: Command = {
  summary: 'Change settings of a topic.',
  usage: 'TOPIC [--config NAME=VALUE …] [--unset NAME …]',
  examples: [
    ['polylog topic alter orders --config retention.ms=86400000', 'keep records for a day'],
    ['polylog topic alter orders --unset retention.ms', "follow the broker's setting again"],
  ],
  flags: {
    ...configFlag,
    unset: { type: 'string', value: 'NAME', multiple: true, documentation: "Take the topic's own value away." },
    ...brokerFlag,
  },
  words: [1, 1],
  run: (context) =>
    withCluster(context, async (cluster) => {
      const changes = new Map<string, string | null>(configsOf(context))
      for (const name of context.arguments.all('unset')) changes.set(name, null)
      if (changes.size === 0) throw new UsageError('say what to change with --config NAME=VALUE or --unset NAME')
      const name = context.arguments.words[0]!
      await alterTopicConfigs(cluster, name, changes)
      context.terminal.note(`changed topic ${name}`)
      return exitCodes.ok
    }),
}

const addPartitionsCommand: Command = {
  summary: 'Give a topic more partitions.',
  usage: 'TOPIC --to N',
  examples: [['polylog topic add-partitions orders --to 12', 'twelve in all']],
  notes: ['Keys are spread anew: records of a key that come later may go to another partition than earlier ones.'],
  flags: { to: { type: 'string', value: 'N', documentation: 'Number of partitions in all.' }, ...brokerFlag },
  words: [1, 1],
  run: (context) =>
    withCluster(context, async (cluster) => {
      const total = context.arguments.whole('to', 1, 100_000)
      if (total === undefined) throw new UsageError('say how many partitions there shall be in all: --to N')
      const name = context.arguments.words[0]!
      await addPartitions(cluster, name, total)
      context.terminal.note(`topic ${name} has ${total} partitions now`)
      return exitCodes.ok
    }),
}

export const topicCommands: CommandGroup = {
  summary: 'Topics hold records. These commands create, list, describe, change and delete them.',
  verbs: { create, list, describe, alter, 'add-partitions': addPartitionsCommand, delete: remove },
}

function newTopic(context: CommandContext): NewTopic {
  const partitionCount = context.arguments.whole('partitions', 1, 100_000)
  const replicationFactor = context.arguments.whole('replicas', 1, 100)
  return {
    name: context.arguments.words[0]!,
    ...(partitionCount === undefined ? {} : { partitionCount }),
    ...(replicationFactor === undefined ? {} : { replicationFactor }),
    configs: configsOf(context),
  }
}

/** The settings of `--config`, checked here for names that no broker knows, so that a suggestion can be made. */
function configsOf(context: CommandContext): Map<string, string> {
  const configs = new Map<string, string>()
  for (const { name, value } of context.arguments.pairs('config')) {
    const fault = findTopicConfigFault(name, value)
    if (fault !== undefined) throw new UsageError(fault)
    configs.set(name, value)
  }
  return configs
}

async function createUnless(cluster: Cluster, topic: NewTopic, ifNotExists: boolean): Promise<boolean> {
  try {
    await createTopic(cluster, topic)
    return true
  } catch (error) {
    if (ifNotExists && isNamed(error, 'TOPIC_ALREADY_EXISTS')) return false
    throw error
  }
}

function isNamed(error: unknown, errorName: string): boolean {
  return error instanceof Error && 'errorName' in error && error.errorName === errorName
}

async function partitionRows(cluster: Cluster, topic: TopicInfo) {
  const indexes = topic.partitions.map(({ index }) => index)
  const first = await listOffsets(cluster, topic.name, indexes, 'beginning')
  const next = await listOffsets(cluster, topic.name, indexes, 'end')
  return topic.partitions.map(({ index, leader, replicas, inSyncReplicas }) => ({
    partition: index,
    leader,
    firstOffset: first.get(index) ?? 0,
    nextOffset: next.get(index) ?? 0,
    replicas,
    inSync: inSyncReplicas,
  }))
}
