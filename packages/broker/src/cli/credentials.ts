import { saslMechanisms } from '@polylog/client/admin'
import type { Credentials } from '@polylog/client/admin'
import type { Arguments } from './arguments.ts'
import type { CommandContext } from './command.ts'
import { CommandError, UsageError } from './exit-code.ts'
import { askSecrets, secretFromFile } from './secret-input.ts'

/** One command asks for a password once, however often it connects. */
const found = new WeakMap<Arguments, Promise<Credentials | undefined>>()

/**
 * Who logs in, as flags and environment say; the password comes from a file, the environment or the person, never from the
 * command line, which every user of the machine can read. Undefined if nobody does.
 * @throws UsageError, CommandError
 */
export function credentialsOf(context: CommandContext): Promise<Credentials | undefined> {
  const known = found.get(context.arguments) ?? findCredentials(context)
  found.set(context.arguments, known)
  return known
}

async function findCredentials(context: CommandContext): Promise<Credentials | undefined> {
  const { arguments: given, environment } = context
  const user = given.text('user') ?? nonEmpty(environment['POLYLOG_USER'])
  const mechanism = given.oneOf('sasl-mechanism', saslMechanisms) ?? mechanismIn(environment)
  if (user === undefined) {
    for (const flag of ['password-file', 'sasl-mechanism']) {
      if (given.has(flag)) throw new UsageError(`--${flag} needs --user NAME`)
    }
    return undefined
  }
  const password = await passwordOf(context, user)
  return mechanism === undefined ? { user, password } : { user, password, mechanism }
}

async function passwordOf(context: CommandContext, user: string): Promise<string> {
  const { arguments: given, environment, stdin, terminal } = context
  const path = given.text('password-file')
  if (path !== undefined) return secretFromFile(path)
  const fromEnvironment = nonEmpty(environment['POLYLOG_PASSWORD'])
  if (fromEnvironment !== undefined) return fromEnvironment
  if (stdin.isTerminal && terminal.isInteractive) return (await askSecrets(context, [`Password of ${user}: `]))[0]!
  throw new CommandError(`the password of ${user} is missing: name --password-file FILE or set POLYLOG_PASSWORD`)
}

function mechanismIn(environment: CommandContext['environment']): Credentials['mechanism'] {
  const text = nonEmpty(environment['POLYLOG_SASL_MECHANISM'])
  if (text === undefined) return undefined
  const mechanism = saslMechanisms.find((each) => each === text.toUpperCase())
  if (mechanism !== undefined) return mechanism
  throw new UsageError(`POLYLOG_SASL_MECHANISM must be one of ${saslMechanisms.join(', ')}, not "${text}"`)
}

function nonEmpty(text: string | undefined): string | undefined {
  return text === '' ? undefined : text
}
