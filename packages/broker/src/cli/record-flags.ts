import { compressionNames } from '@polylog/client/admin'
import type { Compression } from '@polylog/client/admin'
import type { Arguments } from './arguments.ts'
import type { Flags } from './flags.ts'

/** The flag of commands whose records are lines. */
export const separatorFlag = {
  separator: {
    type: 'string',
    value: 'TEXT',
    documentation: 'What stands between key and value with --format kv (default: a tab).',
  },
} as const satisfies Flags

/** The flag of commands that send records. */
export const compressionFlag = {
  compression: {
    type: 'string',
    value: 'CODEC',
    short: 'z',
    documentation: `${compressionNames.join(', ')} (default none).`,
  },
} as const satisfies Flags

/** @throws UsageError */
export function compressionOf(given: Arguments): Compression {
  return given.oneOf('compression', compressionNames) ?? 'none'
}

export function separatorOf(given: Arguments): string {
  return given.text('separator') ?? '\t'
}
