import { Cluster } from '@polylog/client/admin'
import type { ClusterOptions } from '@polylog/client/admin'
import type { CommandContext } from './command.ts'
import { credentialsOf } from './credentials.ts'
import { CommandError } from './exit-code.ts'
import { tlsOf } from './tls-flags.ts'

const brokerDefault = '127.0.0.1:9092'

/** The broker that the flags, or the environment, name. */
function brokerOf({ arguments: given, environment }: CommandContext): string {
  return given.text('broker') ?? environment['POLYLOG_BROKER'] ?? brokerDefault
}

/** How to reach the cluster, and who logs in, as flags and environment say. @throws UsageError, CommandError */
export async function clusterOptionsOf(context: CommandContext, clientId: string): Promise<ClusterOptions> {
  return { brokers: brokerOf(context), clientId, credentials: await credentialsOf(context), tls: tlsOf(context) }
}

/** Connects as the flags say, runs the body, and closes whatever happens. */
export async function withCluster<T>(context: CommandContext, body: (cluster: Cluster) => Promise<T>): Promise<T> {
  await using cluster = new Cluster(await clusterOptionsOf(context, 'polylog-cli'))
  return await body(cluster)
}

/** Prints a value as one line of JSON. */
export async function printJson({ terminal }: CommandContext, value: unknown): Promise<void> {
  await terminal.print(`${JSON.stringify(value)}\n`)
}

/**
 * Asks a person whether to go on; a script must say `--yes`.
 * @throws CommandError if the answer is no
 */
export async function confirm(context: CommandContext, question: string): Promise<void> {
  if (context.arguments.has('yes')) return
  if (!context.stdin.isTerminal || !context.terminal.isInteractive) {
    throw new CommandError(`${question} This cannot be undone; add --yes to do it without being asked`)
  }
  context.terminal.draw(`${question} This cannot be undone. Type "yes" to go on: `)
  for await (const bytes of context.stdin.bytes()) {
    if (Buffer.from(bytes).toString().trim().toLowerCase() === 'yes') return
    break
  }
  throw new CommandError('nothing was done')
}
