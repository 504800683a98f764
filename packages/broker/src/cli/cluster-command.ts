import { setTimeout as delay } from 'node:timers/promises'
import type { ClusterAnswer, DrainAnswer } from './admin-answers.ts'
import { AdminSession } from './admin-session.ts'
import type { Arguments } from './arguments.ts'
import { confirm, printJson } from './client-session.ts'
import { clusterStatusText } from './cluster-status.ts'
import type { Command, CommandContext, CommandGroup } from './command.ts'
import { electCommand } from './elect-command.ts'
import { CommandError, UsageError, exitCodes } from './exit-code.ts'
import { httpFlag, jsonFlag, yesFlag } from './flags.ts'
import { Progress } from './progress.ts'
import { reassignCommand } from './reassign-command.ts'
import { Screen } from './screen.ts'

const pollMs = 500
const watchMs = 1000

const status: Command = {
  summary: 'Show brokers, controller, and how partitions are.',
  usage: '[--watch]',
  examples: [
    ['polylog cluster status', 'who is there, who leads what, and what is missing'],
    ['polylog cluster status --watch', 'the same, drawn anew every second until Ctrl-C'],
    ['polylog cluster status --json --watch', 'a line of JSON every second'],
  ],
  flags: {
    watch: { type: 'boolean', short: 'w', documentation: 'Show it anew every second until interrupted.' },
    ...jsonFlag,
    ...httpFlag,
  },
  words: [0, 0],
  run: async (context) => {
    if (context.arguments.has('watch')) await watch(context)
    else await show(context, await AdminSession.of(context).get<ClusterAnswer>('/api/cluster'))
    return exitCodes.ok
  },
}

async function show(context: CommandContext, cluster: ClusterAnswer): Promise<void> {
  if (context.arguments.has('json')) await printJson(context, cluster)
  else await context.terminal.print(clusterStatusText(cluster))
}

/** A broker that does not answer is told, and asked again: it may be the one that is being restarted. */
async function watch(context: CommandContext): Promise<void> {
  const session = AdminSession.of(context)
  const isDrawn = context.terminal.isInteractive && !context.arguments.has('json')
  const screen = new Screen(context.terminal)
  do {
    try {
      const cluster = await session.get<ClusterAnswer>('/api/cluster')
      if (isDrawn) screen.draw(clusterStatusText(cluster))
      else await show(context, cluster)
    } catch (error) {
      if (!(error instanceof CommandError)) throw error
      if (isDrawn) screen.draw(error.message)
      else context.terminal.note(error.message)
    }
  } while (await passed(watchMs, context.interrupted))
}

const drain: Command = {
  summary: 'Move everything away from a broker, so that it can go.',
  usage: 'BROKER [--wait] [--cancel]',
  examples: [
    ['polylog cluster drain 3 --wait', 'give its replicas to others and wait until it holds none'],
    ['polylog cluster drain 3 --cancel', 'let it have replicas again'],
  ],
  notes: [
    'The broker goes on serving meanwhile, and it need not be up: a dead one is drained to replace it at once. The drain goes on without this command, stays in force until it is cancelled, and ends with "polylog cluster remove".',
  ],
  flags: {
    wait: { type: 'boolean', documentation: 'Show how far it is, and return when the broker holds nothing.' },
    cancel: { type: 'boolean', documentation: 'End the drain.' },
    ...jsonFlag,
    ...httpFlag,
  },
  words: [1, 1],
  run: async (context) => {
    const id = brokerIdOf(context.arguments)
    const path = `/api/brokers/${id}/drain`
    const session = AdminSession.of(context)
    if (context.arguments.has('cancel')) {
      if (context.arguments.has('wait')) throw new UsageError('--cancel and --wait exclude each other')
      return told(context, await session.delete<DrainAnswer>(path), `broker ${id} may have replicas again`)
    }
    const started = await session.post<DrainAnswer>(path)
    const rest = `${started.replicas} replicas and ${started.leaders} leaderships to move`
    if (!context.arguments.has('wait')) return told(context, started, `broker ${id} is being drained, ${rest}`)
    return told(context, await drained(context, session, started), `broker ${id} holds nothing any more`)
  },
}

async function drained(context: CommandContext, session: AdminSession, started: DrainAnswer): Promise<DrainAnswer> {
  const { brokerId, replicas: total } = started
  const progress = new Progress(context.terminal, `draining broker ${brokerId}`, { unit: 'replicas', total })
  let present = started
  try {
    while (present.replicas + present.leaders > 0) {
      progress.update(Math.max(0, total - present.replicas))
      if (!(await passed(pollMs, context.interrupted))) {
        throw new CommandError(
          `not waited for; the drain goes on ("polylog cluster drain ${brokerId} --cancel" ends it)`,
        )
      }
      present = await session.get<DrainAnswer>(`/api/brokers/${brokerId}/drain`)
      if (!present.draining) throw new CommandError(`somebody has ended the drain of broker ${brokerId}`)
    }
    return present
  } finally {
    progress.end()
  }
}

const remove: Command = {
  summary: 'Forget a broker that will not come back.',
  usage: 'BROKER [--yes]',
  examples: [['polylog cluster remove 3', 'after draining and stopping it; another machine may take its id then']],
  notes: ['A broker that is up, or still holds replicas, is not removed. Its data directory does not fit in any more.'],
  flags: { ...yesFlag, ...jsonFlag, ...httpFlag },
  words: [1, 1],
  run: async (context) => {
    const id = brokerIdOf(context.arguments)
    const session = AdminSession.of(context)
    await confirm(context, `Forget broker ${id}?`)
    return told(context, await session.delete<unknown>(`/api/brokers/${id}`), `broker ${id} is forgotten`)
  },
}

export const clusterCommands: CommandGroup = {
  summary: 'Several brokers that share topics. These commands show them, drain and remove them, and move partitions.',
  verbs: { status, drain, remove, reassign: reassignCommand, elect: electCommand },
}

async function told(context: CommandContext, answer: unknown, sentence: string): Promise<number> {
  if (context.arguments.has('json')) await printJson(context, answer)
  else context.terminal.note(sentence)
  return exitCodes.ok
}

function brokerIdOf({ words: [word] }: Arguments): number {
  if (!/^\d{1,10}$/.test(word!)) throw new UsageError(`a broker is named by its number, such as 3, not "${word}"`)
  return Number(word)
}

/** Waits; false if that was interrupted. */
async function passed(durationMs: number, interrupted: AbortSignal): Promise<boolean> {
  try {
    await delay(durationMs, undefined, { signal: interrupted })
    return true
  } catch (error) {
    if (error instanceof Error && error.name === 'AbortError') return false
    throw error
  }
}
