import { readFileSync, statSync } from 'node:fs'
import type { TlsOptions } from '@polylog/client/admin'
import type { Arguments } from './arguments.ts'
import type { CommandContext } from './command.ts'
import { CommandError, UsageError } from './exit-code.ts'

/** A file of this size holds no certificates. */
const fileBytesMax = 4 * 1024 * 1024

/** One line of a command is read once, so that it also warns once. */
const known = new WeakMap<Arguments, TlsOptions>()

/** How to reach a broker over TLS, as the flags say; undefined without any of them. @throws UsageError, CommandError */
export function tlsOf({ arguments: given, terminal }: CommandContext): TlsOptions | undefined {
  const found = known.get(given)
  if (found !== undefined) return found
  const names = ['tls', 'tls-ca', 'tls-certificate', 'tls-key', 'tls-insecure']
  if (!names.some((name) => given.has(name))) return undefined
  if (given.has('tls-certificate') !== given.has('tls-key')) {
    throw new UsageError('--tls-certificate and --tls-key go together')
  }
  const ca = read(given, 'tls-ca')
  const certificate = read(given, 'tls-certificate')
  const key = read(given, 'tls-key')
  const insecure = given.has('tls-insecure')
  if (insecure) terminal.note('polylog: warning: --tls-insecure: whoever answers is taken for the broker')
  const options: TlsOptions = {
    insecure,
    ...(ca !== undefined && { ca }),
    ...(certificate !== undefined && { certificate }),
    ...(key !== undefined && { key }),
  }
  known.set(given, options)
  return options
}

function read(given: Arguments, flag: string): string | undefined {
  const path = given.text(flag)
  if (path === undefined) return undefined
  try {
    if (statSync(path).size > fileBytesMax) throw new CommandError(`--${flag} ${path} is too large for certificates`)
    return readFileSync(path, 'latin1')
  } catch (error) {
    if (error instanceof CommandError) throw error
    const reason = (error as NodeJS.ErrnoException).code === 'ENOENT' ? 'there is no such file' : String(error)
    throw new CommandError(`cannot read --${flag} ${path}: ${reason}`, { cause: error })
  }
}
