import { nearestOf } from '../config/nearest.ts'
import { Arguments } from './arguments.ts'
import type { Command, CommandContext } from './command.ts'
import { isGroup } from './command.ts'
import { commands } from './commands.ts'
import { UsageError, exitCodes, isExpected } from './exit-code.ts'
import { commandHelp, groupHelp, helpFlag, overview } from './help.ts'
import { OutputClosed } from './terminal.ts'

/** What the process brings; the rest is found from the command line. */
export type WorldContext = Omit<CommandContext, 'arguments' | 'commands'>

/**
 * Runs one command line (without `node` and the script). Never throws.
 * @returns the exit code
 */
export async function run(line: readonly string[], context: WorldContext): Promise<number> {
  try {
    return await dispatch(line, context)
  } catch (error) {
    if (error instanceof OutputClosed) return exitCodes.ok
    const { terminal } = context
    if (error instanceof UsageError) {
      terminal.note(`polylog: ${error.message}`)
      return exitCodes.usage
    }
    if (isExpected(error)) terminal.note(`polylog: ${error.message}`)
    else
      terminal.note(`polylog: this is a bug, please report it: ${error instanceof Error ? error.stack : String(error)}`)
    return exitCodes.failed
  }
}

async function dispatch(line: readonly string[], context: WorldContext): Promise<number> {
  const [name, ...rest] = line
  const { terminal, version } = context
  if (name === undefined || name === '--help' || name === '-h') {
    const summaries = Object.entries(commands).map(([command, { summary }]) => ({ name: command, summary }))
    await terminal.print(overview(version, summaries))
    return name === undefined ? exitCodes.usage : exitCodes.ok
  }
  if (name === '--version' || name === '-v') {
    await terminal.print(`polylog ${version}\n`)
    return exitCodes.ok
  }
  const entry = Object.hasOwn(commands, name) ? commands[name] : undefined
  if (entry === undefined) throw unknown('command', name, Object.keys(commands), 'polylog help')
  const loaded = await entry.load()
  if (!isGroup(loaded)) return runCommand(name, loaded, rest, context)

  const [verb, ...verbRest] = rest
  if (verb === undefined || verb === '--help' || verb === '-h') {
    await terminal.print(groupHelp(name, loaded))
    return verb === undefined ? exitCodes.usage : exitCodes.ok
  }
  const command = Object.hasOwn(loaded.verbs, verb) ? loaded.verbs[verb] : undefined
  if (command === undefined) throw unknown(`${name} command`, verb, Object.keys(loaded.verbs), `polylog ${name} --help`)
  return runCommand(`${name} ${verb}`, command, verbRest, context)
}

async function runCommand(
  name: string,
  command: Command,
  line: readonly string[],
  context: WorldContext,
): Promise<number> {
  const words = line.includes('--') ? line.slice(0, line.indexOf('--')) : line
  if (words.includes('--help') || words.includes('-h')) {
    await context.terminal.print(commandHelp(name, command))
    return exitCodes.ok
  }
  const flags = { ...command.flags, help: helpFlag }
  const parsed = Arguments.parse(line, flags, command.words, `polylog ${name} ${command.usage}`.trimEnd())
  return command.run({ ...context, arguments: parsed, commands })
}

function unknown(what: string, word: string, known: readonly string[], help: string): UsageError {
  const nearest = nearestOf(word, known)
  const hint = nearest === undefined ? `"${help}" lists what there is` : `did you mean "${nearest}"?`
  return new UsageError(`there is no ${what} "${word}"; ${hint}`)
}
