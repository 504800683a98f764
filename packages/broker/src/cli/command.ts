import type { Arguments } from './arguments.ts'
import type { Flags } from './flags.ts'
import type { Terminal } from './terminal.ts'

/** What a command may use of the world. */
export interface CommandContext {
  terminal: Terminal
  arguments: Arguments
  environment: Readonly<Record<string, string | undefined>>
  /** Bytes of stdin, and whether a person types them. */
  stdin: {
    readonly bytes: () => AsyncIterable<Uint8Array>
    readonly isTerminal: boolean
    readonly totalBytes?: number
    /** Whether a terminal shows what is typed. */
    readonly hide?: (isHidden: boolean) => void
  }
  /** Aborted by the first SIGINT or SIGTERM. */
  interrupted: AbortSignal
  version: string
  /** Every command there is, for those that tell of the others. */
  commands: CommandTable
}

export interface Command {
  /** One line for the list of commands. */
  summary: string
  /** What follows `polylog NAME`: `TOPIC [--from WHERE]`. */
  usage: string
  /** Whole command lines with what they do; shown first in the help. */
  examples: readonly (readonly [line: string, meaning: string])[]
  /** More that a newcomer must know; each element is a paragraph. */
  notes?: readonly string[]
  flags: Flags
  /** Least and most words that are not flags. */
  words: readonly [least: number, most: number]
  /** Returns the exit code. Throws CommandError and the errors of config and client. */
  run(context: CommandContext): Promise<number>
}

/** A noun with verbs: `polylog topic create`. */
export interface CommandGroup {
  summary: string
  verbs: Readonly<Record<string, Command>>
}

/** How a command is found: its summary for the list, and where its code is, which is loaded only when it runs. */
export interface CommandEntry {
  summary: string
  load(): Promise<Command | CommandGroup>
}

/** Commands by name, in the order of the help. */
export type CommandTable = Readonly<Record<string, CommandEntry>>

export function isGroup(loaded: Command | CommandGroup): loaded is CommandGroup {
  return 'verbs' in loaded
}
