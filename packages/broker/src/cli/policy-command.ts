import type { PolicyAnswer, ResultsAnswer } from './admin-answers.ts'
import { AdminSession, pathName } from './admin-session.ts'
import type { Arguments } from './arguments.ts'
import { printJson } from './client-session.ts'
import type { Command, CommandGroup } from './command.ts'
import { UsageError, exitCodes } from './exit-code.ts'
import { httpFlag, jsonFlag } from './flags.ts'
import { reportResults } from './partition-results.ts'
import { formatTable } from './table.ts'

const promotions = ['when-synced', 'always'] as const

const set: Command = {
  summary: 'Make a policy, or replace the one of this name.',
  usage: 'NAME PATTERN [--ha-mode MODE] [--ha-params WHAT] [--priority N] [--config NAME=VALUE …]',
  examples: [
    ["polylog policy set mirror '^orders' --ha-mode all", 'every broker holds topics whose name starts with orders'],
    [
      "polylog policy set two '' --ha-mode exactly --ha-params 2 --ha-sync-mode automatic",
      'two replicas of everything',
    ],
    ["polylog policy set east '^east-' --ha-mode nodes --ha-params 1,2 --priority 5", 'on the brokers named'],
    ["polylog policy set short '^log-' --config retention.ms=3600000", 'settings for many topics at once'],
  ],
  notes: [
    'Of the policies that match a name, the one of the highest priority is in force, alone. It counts for topics that were not assigned by hand. docs/policies.md explains each key.',
  ],
  flags: {
    'ha-mode': { type: 'string', value: 'MODE', documentation: 'Where replicas go: all, exactly or nodes.' },
    'ha-params': {
      type: 'string',
      value: 'WHAT',
      documentation: 'For exactly: how many replicas; for nodes: numbers of brokers with commas between.',
    },
    'ha-sync-mode': {
      type: 'string',
      value: 'MODE',
      documentation: 'automatic: partitions that exist get their replicas too; manual (default): see "policy sync".',
    },
    'ha-promote-on-failure': {
      type: 'string',
      value: 'WHEN',
      documentation: 'when-synced (default), or always: a replica that lacks records may lead if all others are gone.',
    },
    'ha-promote-on-shutdown': {
      type: 'string',
      value: 'WHEN',
      documentation: 'The same for a broker that is stopped.',
    },
    priority: { type: 'string', value: 'N', documentation: 'The highest that matches counts (default 0).' },
    'apply-to': { type: 'string', value: 'WHAT', documentation: 'all (default), topics or queues.' },
    config: {
      type: 'string',
      value: 'NAME=VALUE',
      short: 'c',
      multiple: true,
      documentation: 'A setting of the topics that match; may be repeated.',
    },
    ...jsonFlag,
    ...httpFlag,
  },
  words: [2, 2],
  run: async (context) => {
    const [name, pattern] = context.arguments.words
    const definition = definitionOf(context.arguments)
    const body = { pattern, priority: priorityOf(context.arguments), applyTo: applyToOf(context.arguments), definition }
    const policy = await AdminSession.of(context).put<PolicyAnswer>(pathOf(name!), body)
    if (context.arguments.has('json')) await printJson(context, policy)
    else
      context.terminal.note(`policy ${name} is in force for names that match ${pattern === '' ? 'anything' : pattern}`)
    return exitCodes.ok
  },
}

const list: Command = {
  summary: 'List policies.',
  usage: '',
  examples: [['polylog policy list', 'names, patterns and what they ask for']],
  flags: { ...jsonFlag, ...httpFlag },
  words: [0, 0],
  run: async (context) => {
    const { policies } = await AdminSession.of(context).get<{ policies: readonly PolicyAnswer[] }>('/api/policies')
    if (context.arguments.has('json')) await printJson(context, policies)
    else if (policies.length === 0) context.terminal.note('There are no policies; "polylog policy set" makes one.')
    else await context.terminal.print(tableOf(policies))
    return exitCodes.ok
  },
}

const show: Command = {
  summary: 'Show a policy.',
  usage: 'NAME',
  examples: [['polylog policy show mirror', 'what it asks for, and why it has no effect if it has none']],
  flags: { ...jsonFlag, ...httpFlag },
  words: [1, 1],
  run: async (context) => {
    const policy = await AdminSession.of(context).get<PolicyAnswer>(pathOf(context.arguments.words[0]!))
    if (context.arguments.has('json')) await printJson(context, policy)
    else {
      await context.terminal.print(tableOf([policy]))
      if (policy.fault !== null) context.terminal.note(`It has no effect. ${policy.fault}`)
    }
    return exitCodes.ok
  },
}

const remove: Command = {
  summary: 'Delete a policy; topics follow the next one that matches, or the default.',
  usage: 'NAME',
  examples: [['polylog policy delete mirror', 'replicas that nothing else asks for go']],
  flags: { ...jsonFlag, ...httpFlag },
  words: [1, 1],
  run: async (context) => {
    const name = context.arguments.words[0]!
    const answer = await AdminSession.of(context).delete<unknown>(pathOf(name))
    if (context.arguments.has('json')) await printJson(context, answer)
    else context.terminal.note(`deleted policy ${name}`)
    return exitCodes.ok
  },
}

const sync: Command = {
  summary: 'Add the replicas that a policy with ha-sync-mode manual does not add by itself.',
  usage: 'TOPIC',
  examples: [['polylog policy sync orders', 'copy what the topic holds to where its policy wants it']],
  flags: { ...jsonFlag, ...httpFlag },
  words: [1, 1],
  run: async (context) => {
    const topic = context.arguments.words[0]!
    const answer = await AdminSession.of(context).post<ResultsAnswer>(`/api/topics/${pathName(topic)}/sync`)
    return reportResults(context, answer, 'looked after')
  },
}

export const policyCommands: CommandGroup = {
  summary: 'Policies say where replicas go, and settings of many topics at once. These commands set and show them.',
  verbs: { set, list, show, delete: remove, sync },
}

function pathOf(name: string): string {
  return `/api/policies/${pathName(name)}`
}

function definitionOf(given: Arguments): Record<string, unknown> {
  const definition: Record<string, unknown> = {}
  const mode = given.oneOf('ha-mode', ['all', 'exactly', 'nodes'])
  const params = given.text('ha-params')
  if (mode !== undefined) definition['ha-mode'] = mode
  if (params !== undefined)
    definition['ha-params'] = mode === 'nodes' ? numbersIn(params) : numberIn('ha-params', params)
  const words = {
    'ha-sync-mode': given.oneOf('ha-sync-mode', ['manual', 'automatic']),
    'ha-promote-on-failure': given.oneOf('ha-promote-on-failure', promotions),
    'ha-promote-on-shutdown': given.oneOf('ha-promote-on-shutdown', promotions),
  }
  for (const [key, word] of Object.entries(words)) if (word !== undefined) definition[key] = word
  for (const { name, value } of given.pairs('config')) definition[name] = value
  if (Object.keys(definition).length === 0) {
    throw new UsageError('say what the policy asks for: --ha-mode MODE or --config NAME=VALUE')
  }
  return definition
}

function priorityOf(given: Arguments): number {
  return numberIn('priority', given.text('priority') ?? '0')
}

function applyToOf(given: Arguments): string {
  return given.oneOf('apply-to', ['all', 'topics', 'queues']) ?? 'all'
}

function numbersIn(text: string): number[] {
  return text.split(',').map((word) => numberIn('ha-params', word))
}

function numberIn(flag: string, text: string): number {
  if (/^-?\d{1,10}$/.test(text)) return Number(text)
  throw new UsageError(`--${flag} must be a whole number, not "${text}"`)
}

function tableOf(policies: readonly PolicyAnswer[]): string {
  const columns = [
    { title: 'policy' },
    { title: 'pattern' },
    { title: 'priority', align: 'right' },
    { title: 'applies to' },
    { title: 'definition' },
  ] as const
  const rows = policies.map(({ name, pattern, priority, applyTo, definition, fault }) => {
    const asked = Object.entries(definition).map(([key, value]) => `${key}=${String(value)}`)
    return [name, pattern, String(priority), applyTo, `${asked.join(' ')}${fault === null ? '' : ' (no effect)'}`]
  })
  return formatTable(columns, rows)
}
