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
