import { listUsers, removeUser, setPassword } from '@polylog/client/admin'
import type { ScramMechanism, UserInfo } from '@polylog/client/admin'
import { confirm, printJson, withCluster } from './client-session.ts'
import type { Command, CommandContext, CommandGroup } from './command.ts'
import { CommandError, exitCodes } from './exit-code.ts'
import { brokerFlag, jsonFlag, yesFlag } from './flags.ts'
import { askSecrets, secretFromFile, secretFromStdin } from './secret-input.ts'
import { formatTable } from './table.ts'

const scramMechanisms = ['SCRAM-SHA-256', 'SCRAM-SHA-512'] as const
const iterationsMin = 4096
const iterationsMax = 16_384

const newPasswordFlags = {
  'new-password-file': {
    type: 'string',
    value: 'FILE',
    documentation:
      'File whose first line is the new password. Without it the password is asked for, or read from stdin.',
  },
  mechanism: {
    type: 'string',
    value: 'NAME',
    documentation: `Only for this mechanism: ${scramMechanisms.join(' or ')} (default both).`,
  },
  iterations: {
    type: 'string',
    value: 'N',
    documentation: `Rounds of hashing: more make guessing, and each login, take longer (default ${iterationsMin}).`,
  },
} as const

const passwordNote =
  'A password is never taken from the command line, which every user of the machine can read. The broker is sent a salted hash of it, and keeps what cannot be used to log in.'

const add: Command = {
  summary: 'Make a user.',
  usage: 'NAME [--new-password-file FILE] [--mechanism NAME] [--iterations N]',
  examples: [
    ['polylog user add billing', 'asks for the password twice'],
    ['polylog user add billing --new-password-file /run/secrets/billing', 'takes it from a file'],
    ['polylog user add ann --user admin --password-file admin.txt', 'where a login is needed to do that'],
  ],
  notes: [passwordNote],
  flags: { ...newPasswordFlags, ...jsonFlag, ...brokerFlag },
  words: [1, 1],
  run: async (context) => {
    const name = context.arguments.words[0]!
    return await change(context, name, async (existing) => {
      if (existing !== undefined) {
        throw new CommandError(`user ${name} exists already; "polylog user password ${name}" gives another password`)
      }
      return 'made'
    })
  },
}

const password: Command = {
  summary: 'Give a user another password.',
  usage: 'NAME [--new-password-file FILE] [--mechanism NAME] [--iterations N]',
  examples: [['polylog user password billing', 'asks for the new password twice']],
  notes: [passwordNote, 'Connections that are open stay so; the next login needs the new password.'],
  flags: { ...newPasswordFlags, ...jsonFlag, ...brokerFlag },
  words: [1, 1],
  run: async (context) => {
    const name = context.arguments.words[0]!
    return await change(context, name, async (existing) => {
      if (existing === undefined)
        throw new CommandError(`there is no user ${name}; "polylog user add ${name}" makes one`)
      return 'changed'
    })
  },
}

const list: Command = {
  summary: 'List users with the mechanisms that they can log in with.',
  usage: '',
  examples: [['polylog user list', 'names, mechanisms and iterations; no secrets']],
  notes: ['PLAIN is checked against the same credentials, and so is not listed.'],
  flags: { ...jsonFlag, ...brokerFlag },
  words: [0, 0],
  run: (context) =>
    withCluster(context, async (cluster) => {
      const users = (await listUsers(cluster)).toSorted((a, b) => (a.name < b.name ? -1 : 1))
      if (context.arguments.has('json')) await printJson(context, users)
      else if (users.length === 0) context.terminal.note('There are no users; "polylog user add NAME" makes one.')
      else await context.terminal.print(tableOf(users))
      return exitCodes.ok
    }),
}

const remove: Command = {
  summary: 'Remove a user and end the connections of that user.',
  usage: 'NAME [--yes]',
  examples: [['polylog user remove billing --yes', 'does not ask']],
  flags: { ...yesFlag, ...jsonFlag, ...brokerFlag },
  words: [1, 1],
  run: (context) =>
    withCluster(context, async (cluster) => {
      const name = context.arguments.words[0]!
      await confirm(context, `Remove user ${name}?`)
      await removeUser(cluster, name)
      if (context.arguments.has('json')) await printJson(context, { user: name, removed: true })
      else context.terminal.note(`removed user ${name}`)
      return exitCodes.ok
    }),
}

export const userCommands: CommandGroup = {
  summary:
    'Users can log in where the broker asks for it (sasl.enabled.mechanisms). These commands make and show them.',
  verbs: { add, list, remove, password },
}

/** Sets a password, unless `decide` throws after a look at what there is. */
function change(
  context: CommandContext,
  name: string,
  decide: (existing: UserInfo | undefined) => Promise<'made' | 'changed'>,
): Promise<number> {
  return withCluster(context, async (cluster) => {
    const outcome = await decide((await listUsers(cluster, [name]))[0])
    const { arguments: given } = context
    const mechanism = given.oneOf('mechanism', scramMechanisms)
    const mechanisms: readonly ScramMechanism[] = mechanism === undefined ? scramMechanisms : [mechanism]
    const iterations = given.whole('iterations', iterationsMin, iterationsMax) ?? iterationsMin
    const secret = await newPassword(context, name)
    await setPassword(cluster, { user: name, password: secret, mechanisms, iterations })
    if (given.has('json')) await printJson(context, { user: name, [outcome]: true, mechanisms, iterations })
    else context.terminal.note(outcome === 'made' ? `made user ${name}` : `changed the password of ${name}`)
    return exitCodes.ok
  })
}

async function newPassword(context: CommandContext, name: string): Promise<string> {
  const path = context.arguments.text('new-password-file')
  if (path !== undefined) return secretFromFile(path)
  if (!context.stdin.isTerminal || !context.terminal.isInteractive) return await secretFromStdin(context)
  const [first, second] = await askSecrets(context, [`New password of ${name}: `, 'The same again: '])
  if (first === '') throw new CommandError('a password must not be empty; nothing was done')
  if (first !== second) throw new CommandError('the two are not the same; nothing was done')
  return first!
}

function tableOf(users: readonly UserInfo[]): string {
  const columns = [{ title: 'user' }, { title: 'mechanisms' }]
  const rows = users.map(({ name, mechanisms }) => [
    name,
    mechanisms.map(({ mechanism, iterations }) => `${mechanism} (${iterations})`).join(', '),
  ])
  return formatTable(columns, rows)
}
