import type { Arguments } from './arguments.ts'
import type { Terminal } from './terminal.ts'

/** A flag of a command. */
export interface Flag {
  /** A boolean flag takes no value. */
  type: 'boolean' | 'string'
  /** What the value is, for the help: `HOST:PORT`. */
  value?: string
  /** One letter, for `-n`. */
  short?: string
  multiple?: boolean
  documentation: string
}

export type Flags = Readonly<Record<string, Flag>>

/** What a command may use of the world. */
export interface CommandContext {
  terminal: Terminal
  arguments: Arguments
  environment: Readonly<Record<string, string | undefined>>
  /** Bytes of stdin, and whether a person types them. */
  stdin: { readonly bytes: () => AsyncIterable<Uint8Array>; readonly isTerminal: boolean; readonly totalBytes?: number }
  /** Aborted by the first SIGINT or SIGTERM. */
  interrupted: AbortSignal
  version: string
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

/** The flag of every command that talks to a broker. */
export const brokerFlag = {
  broker: {
    type: 'string',
    value: 'HOST:PORT',
    short: 'b',
    documentation: 'Broker to talk to (default 127.0.0.1:9092, or POLYLOG_BROKER).',
  },
} as const satisfies Flags

export const jsonFlag = {
  json: { type: 'boolean', documentation: 'Print JSON for programs instead of text for people.' },
} as const satisfies Flags

export const yesFlag = {
  yes: { type: 'boolean', short: 'y', documentation: 'Do not ask before something is lost.' },
} as const satisfies Flags
