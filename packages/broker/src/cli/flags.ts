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

/** The flags of every command that may have to log in. */
const loginFlags = {
  user: { type: 'string', value: 'NAME', documentation: 'User to log in as (or POLYLOG_USER).' },
  'password-file': {
    type: 'string',
    value: 'FILE',
    documentation: 'File whose first line is the password (or POLYLOG_PASSWORD; else it is asked for).',
  },
} as const satisfies Flags

/** The flags of every command that connects: how its line is kept private, and how it knows that the other is the broker. */
const tlsFlags = {
  tls: { type: 'boolean', documentation: 'Connect over TLS.' },
  'tls-ca': {
    type: 'string',
    value: 'FILE',
    documentation: "Authorities (PEM) to trust instead of the system's; turns TLS on, as the following do.",
  },
  'tls-certificate': {
    type: 'string',
    value: 'FILE',
    documentation: 'Certificate (PEM) to show, if the broker asks for one.',
  },
  'tls-key': { type: 'string', value: 'FILE', documentation: 'Key (PEM) of that certificate.' },
  'tls-insecure': { type: 'boolean', documentation: 'Take whoever answers for the broker. To try things out only.' },
} as const satisfies Flags

/** The flags of every command that talks to a broker. */
export const brokerFlag = {
  broker: {
    type: 'string',
    value: 'HOST:PORT',
    short: 'b',
    documentation: 'Broker to talk to (default 127.0.0.1:9092, or POLYLOG_BROKER).',
  },
  ...loginFlags,
  ...tlsFlags,
  'sasl-mechanism': {
    type: 'string',
    value: 'NAME',
    documentation: 'SCRAM-SHA-256 (default), SCRAM-SHA-512 or PLAIN (or POLYLOG_SASL_MECHANISM).',
  },
} as const satisfies Flags

/** The flag of every command that talks to the HTTP port of a broker. */
export const httpFlag = {
  http: {
    type: 'string',
    value: 'HOST:PORT',
    documentation: 'HTTP port of any broker (default 127.0.0.1:15672, or POLYLOG_HTTP).',
  },
  ...loginFlags,
  ...tlsFlags,
} as const satisfies Flags

/** The flags of commands that start brokers: the first user, and with it that clients must log in. */
export const firstUserFlags = {
  user: {
    type: 'string',
    value: 'NAME',
    documentation: 'First user, who may do everything; made unless there is one of this name. Clients must log in.',
  },
  'password-file': {
    type: 'string',
    value: 'FILE',
    documentation: 'File whose first line is the password of that user.',
  },
} as const satisfies Flags

export const jsonFlag = {
  json: { type: 'boolean', documentation: 'Print JSON for programs instead of text for people.' },
} as const satisfies Flags

export const yesFlag = {
  yes: { type: 'boolean', short: 'y', documentation: 'Do not ask before something is lost.' },
} as const satisfies Flags
