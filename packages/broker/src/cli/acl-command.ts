import { createAcls, deleteAcls, listAcls } from '@polylog/client/admin'
import type { AclRule } from '@polylog/client/admin'
import { filtersOf, operationFlag, resourceFlags, rulesOf } from './acl-flags.ts'
import { confirm, printJson, withCluster } from './client-session.ts'
import type { Command, CommandGroup } from './command.ts'
import { UsageError, exitCodes } from './exit-code.ts'
import { brokerFlag, jsonFlag, yesFlag } from './flags.ts'
import { formatTable } from './table.ts'

const filterFlags = {
  ...resourceFlags,
  ...operationFlag,
  principal: { type: 'string', value: 'User:NAME', documentation: 'Rules for this principal.' },
  host: { type: 'string', value: 'IP', documentation: 'Rules for this host; "*" means those for all hosts.' },
} as const

const add: Command = {
  summary: 'Allow somebody something, or deny it.',
  usage: '--allow User:NAME --operation NAME --topic NAME',
  examples: [
    ['polylog acl add --allow User:alice --operation write --topic orders', 'alice may produce to orders'],
    [
      'polylog acl add --allow User:bob --operation read --topic orders --group billing',
      'bob may consume orders as a member of billing',
    ],
    ['polylog acl add --allow User:* --operation read --topic public. --prefixed', 'everybody, from many topics'],
    ['polylog acl add --deny User:eve --operation all --cluster --host 192.0.2.7', 'whatever else allows it'],
  ],
  notes: [
    'What no rule allows is refused, and a rule that denies outweighs all that allow. docs/security.md says what each request needs. Rules count where the broker is started with authorizer=acl.',
  ],
  flags: {
    allow: { type: 'string', value: 'User:NAME', multiple: true, documentation: 'Who may; User:* for everybody.' },
    deny: { type: 'string', value: 'User:NAME', multiple: true, documentation: 'Who may not.' },
    ...operationFlag,
    ...resourceFlags,
    host: {
      type: 'string',
      value: 'IP',
      multiple: true,
      documentation: 'Only from this address (default: from anywhere).',
    },
    ...jsonFlag,
    ...brokerFlag,
  },
  words: [0, 0],
  run: async (context) => {
    const rules = rulesOf(context.arguments)
    return await withCluster(context, async (cluster) => {
      await createAcls(cluster, rules)
      if (context.arguments.has('json')) await printJson(context, rules)
      else for (const rule of rules) context.terminal.note(sentenceOf(rule))
      return exitCodes.ok
    })
  },
}

const list: Command = {
  summary: 'List access rules.',
  usage: '[--topic NAME] [--principal User:NAME] …',
  examples: [
    ['polylog acl list', 'all rules'],
    ['polylog acl list --topic orders', 'rules that count for the topic, so also those for prefixes of it and for all'],
    ['polylog acl list --principal User:alice --json', 'for programs'],
  ],
  flags: { ...filterFlags, ...jsonFlag, ...brokerFlag },
  words: [0, 0],
  run: async (context) => {
    const filters = filtersOf(context.arguments, 'match')
    return await withCluster(context, async (cluster) => {
      const found: AclRule[] = []
      for (const filter of filters) found.push(...(await listAcls(cluster, filter)))
      const rules = distinct(found)
      if (context.arguments.has('json')) await printJson(context, rules)
      else if (rules.length === 0) context.terminal.note('There are no such access rules; "polylog acl add" makes one.')
      else await context.terminal.print(tableOf(rules))
      return exitCodes.ok
    })
  },
}

const remove: Command = {
  summary: 'Remove access rules.',
  usage: '[--topic NAME] [--principal User:NAME] … | --all',
  examples: [
    ['polylog acl remove --principal User:bob', 'all rules for bob, after asking'],
    ['polylog acl remove --topic orders --operation write --yes', 'rules for this very name; does not ask'],
  ],
  notes: ['Only rules for the very name that is given go, not those for a prefix of it or for all; see --prefixed.'],
  flags: {
    ...filterFlags,
    all: { type: 'boolean', documentation: 'Every rule there is.' },
    ...yesFlag,
    ...jsonFlag,
    ...brokerFlag,
  },
  words: [0, 0],
  run: async (context) => {
    const filters = filtersOf(context.arguments, 'literal')
    const meansAll = filters.some((filter) => Object.keys(filter).length === 0)
    if (meansAll && !context.arguments.has('all')) {
      throw new UsageError('say which rules: --principal User:NAME, --topic NAME … or --all')
    }
    return await withCluster(context, async (cluster) => {
      const meant: AclRule[] = []
      for (const filter of filters) meant.push(...(await listAcls(cluster, filter)))
      const count = distinct(meant).length
      if (count > 0) await confirm(context, `Remove ${countOf(count)}?`)
      const removed: AclRule[] = []
      for (const filter of filters) removed.push(...(await deleteAcls(cluster, filter)))
      const rules = distinct(removed)
      if (context.arguments.has('json')) await printJson(context, rules)
      else context.terminal.note(`removed ${countOf(rules.length)}`)
      return exitCodes.ok
    })
  },
}

export const aclCommands: CommandGroup = {
  summary:
    'Access rules say who may do what where the broker asks them (authorizer=acl). These commands make and show them.',
  verbs: { add, list, remove },
}

/** Several filters may mean the same rule. */
function distinct(rules: readonly AclRule[]): AclRule[] {
  return [...new Map(rules.map((rule) => [JSON.stringify(rule), rule])).values()]
}

function countOf(count: number): string {
  return `${count} access rule${count === 1 ? '' : 's'}`
}

function resourceOf({ resourceType, resourceName, patternType }: AclRule): string {
  if (resourceType === 'cluster') return 'cluster'
  if (patternType === 'prefixed') return `${resourceType} ${resourceName}…`
  return resourceName === '*' ? `every ${resourceType}` : `${resourceType} ${resourceName}`
}

function sentenceOf(rule: AclRule): string {
  const verb = rule.permission === 'allow' ? 'may' : 'may not'
  const from = rule.host === '*' ? '' : ` from ${rule.host}`
  const what = rule.operation === 'all' ? 'do everything with' : rule.operation
  return `${rule.principal} ${verb} ${what} ${resourceOf(rule)}${from}`
}

function tableOf(rules: readonly AclRule[]): string {
  const columns = ['resource', 'principal', 'permission', 'operation', 'host'].map((title) => ({ title }))
  const rows = rules.map((rule) => [resourceOf(rule), rule.principal, rule.permission, rule.operation, rule.host])
  return formatTable(columns, rows)
}
