import type { Command, CommandGroup } from './command.ts'
import type { Flag } from './flags.ts'

/** Every command takes it; the dispatcher answers it before the command runs. */
export const helpFlag: Flag = { type: 'boolean', short: 'h', documentation: 'Show this help.' }

export interface CommandSummary {
  name: string
  summary: string
}

/** What `polylog` and `polylog help` show. */
export function overview(version: string, commands: readonly CommandSummary[]): string {
  return `Polylog ${version}, a message broker for Kafka clients.

Try
${lines([
  ['polylog start', 'start a broker on 127.0.0.1:9092, data in ./polylog-data'],
  ['echo hello | polylog produce greetings', 'send a record'],
  ['polylog consume greetings', 'read it back'],
])}

Commands
${lines(commands.map(({ name, summary }) => [name, summary]))}

polylog help COMMAND     examples and flags of a command
polylog help settings    every setting of the broker, with its default
polylog help exit-codes  what the exit codes mean
`
}

/** The help of one command: what it does, examples first. */
export function commandHelp(name: string, command: Command): string {
  const flags = Object.entries({ ...command.flags, help: helpFlag }).map(([flag, row]) => {
    const short = row.short === undefined ? '    ' : `-${row.short}, `
    return [`${short}--${flag}${row.value === undefined ? '' : ` ${row.value}`}`, row.documentation] as const
  })
  const notes = (command.notes ?? []).map((note) => `\n${wrap(note, 100)}\n`).join('')
  return `${command.summary}

Examples
${command.examples.map(([line, meaning]) => `  # ${meaning}\n  ${line}`).join('\n')}

Usage
  polylog ${name}${command.usage === '' ? '' : ` ${command.usage}`}
${notes}
Flags
${lines(flags)}
`
}

/** The help of a noun: its verbs. */
export function groupHelp(name: string, group: CommandGroup): string {
  const verbs = Object.entries(group.verbs)
  return `${group.summary}

Examples
${verbs.map(([, { examples }]) => `  ${examples[0]![0]}`).join('\n')}

Commands
${lines(verbs.map(([verb, { summary }]) => [`polylog ${name} ${verb}`, summary]))}

polylog ${name} VERB --help shows the flags of one.
`
}

/** What `polylog help exit-codes` shows. */
export const exitCodeHelp = `0  it worked; after SIGINT or SIGTERM: it stopped in good order
1  it failed; the reason is on stderr
2  the command line is wrong; nothing was done
`

function lines(rows: readonly (readonly [string, string])[]): string {
  const width = Math.max(...rows.map(([left]) => left.length))
  return rows.map(([left, right]) => `  ${left.padEnd(width)}  ${right}`).join('\n')
}

/** Breaks a paragraph into lines of at most `columns` characters. */
function wrap(text: string, columns: number): string {
  let line = ''
  const wrapped: string[] = []
  for (const word of text.split(' ')) {
    if (line !== '' && line.length + 1 + word.length > columns) {
      wrapped.push(line)
      line = word
    } else line = line === '' ? word : `${line} ${word}`
  }
  return [...wrapped, line].join('\n')
}
