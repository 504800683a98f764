import { settingRows } from '../config/broker-settings.ts'
import { variableOf } from '../config/load-settings.ts'
import { suggestionFor } from '../config/nearest.ts'
import type { Command, CommandContext } from './command.ts'
import { isGroup } from './command.ts'
import { UsageError, exitCodes } from './exit-code.ts'
import { commandHelp, exitCodeHelp, groupHelp, overview } from './help.ts'

export const helpCommand: Command = {
  summary: 'Explain a command, the settings of the broker, or the exit codes.',
  usage: '[COMMAND [VERB] | settings | exit-codes]',
  examples: [
    ['polylog help topic create', 'examples and flags of a command'],
    ['polylog help settings', 'every setting with default and meaning'],
  ],
  flags: {},
  words: [0, 2],
  run: async (context) => {
    await context.terminal.print(await helpText(context))
    return exitCodes.ok
  },
}

async function helpText({ arguments: given, version, commands }: CommandContext): Promise<string> {
  const [name, verb] = given.words
  if (name === undefined) {
    return overview(
      version,
      Object.entries(commands).map(([command, { summary }]) => ({ name: command, summary })),
    )
  }
  if (name === 'settings') return settingsHelp()
  if (name === 'exit-codes') return exitCodeHelp
  const entry = Object.hasOwn(commands, name) ? commands[name] : undefined
  const topics = [...Object.keys(commands), 'settings', 'exit-codes']
  if (entry === undefined) throw new UsageError(`there is no help on "${name}"${suggestionFor(name, topics)}`)
  const loaded = await entry.load()
  if (!isGroup(loaded)) return commandHelp(name, loaded)
  if (verb === undefined) return groupHelp(name, loaded)
  const command = Object.hasOwn(loaded.verbs, verb) ? loaded.verbs[verb] : undefined
  if (command !== undefined) return commandHelp(`${name} ${verb}`, command)
  throw new UsageError(`there is no help on "${name} ${verb}"${suggestionFor(verb, Object.keys(loaded.verbs))}`)
}

/** The table of settings, as text. */
function settingsHelp(): string {
  const entries = [...settingRows.values()].map((row) => {
    const value = row.format(row.default)
    const unit = row.unit === undefined || row.unit === 'count' ? '' : ` ${row.unit}`
    const choices = row.choices === undefined ? '' : `  [${row.choices.join(' | ')}]`
    const shown = value === '' ? '(empty)' : `${value}${unit}`
    return `${row.name} = ${shown}${choices}\n    ${row.documentation}\n    ${variableOf(row.name)}\n`
  })
  return `Settings with their defaults. A file (--config) may nest the names; --set NAME=VALUE and the variable win over it.
Sizes may be written as 64MiB, times as 30s, 15m, 12h or 7d.

${entries.join('\n')}`
}
