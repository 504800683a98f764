/** What the process tells its caller; `polylog help exit-codes` lists them. */
export const exitCodes = { ok: 0, failed: 1, usage: 2 } as const

/** The command line itself is wrong. Ends the process with code 2 and a pointer to the help. */
export class UsageError extends Error {
  constructor(message: string) {
    super(message)
    this.name = 'UsageError'
  }
}

/** An expected failure of a command: the message is all that the user needs. Ends the process with code 1. */
export class CommandError extends Error {
  constructor(message: string, options?: ErrorOptions) {
    super(message, options)
    this.name = 'CommandError'
  }
}

/** Errors whose message is a sentence for people; any other is a bug and shown with its stack. */
const expectedNames = new Set([
  'CommandError',
  'BrokerError',
  'ClientError',
  'NetworkError',
  'DiskError',
  'MetadataError',
  'JournalDamageError',
  'CheckpointDamageError',
])

export function isExpected(error: unknown): error is Error {
  return error instanceof Error && expectedNames.has(error.name)
}
