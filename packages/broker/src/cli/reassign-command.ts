import type { ReassignmentsAnswer, ResultsAnswer } from './admin-answers.ts'
import { AdminSession } from './admin-session.ts'
import { printJson } from './client-session.ts'
import type { Command, CommandContext } from './command.ts'
import { UsageError, exitCodes } from './exit-code.ts'
import { httpFlag, jsonFlag } from './flags.ts'
import { partitionsOf, reportResults } from './partition-results.ts'
import { formatTable } from './table.ts'

export const reassignCommand: Command = {
  summary: 'Move partitions to brokers of your choice, or show what is moving.',
  usage: '[TOPIC [PARTITION]] [--to BROKER,BROKER …] [--cancel]',
  examples: [
    ['polylog cluster reassign', 'what is moving at present'],
    ['polylog cluster reassign orders 0 --to 2,3', 'replicas on brokers 2 and 3, led by 2'],
    ['polylog cluster reassign orders --to 1,2,3', 'every partition, led by 1, 2, 3, 1 … in turn'],
    ['polylog cluster reassign orders --cancel', 'take back the moves under way'],
  ],
  notes: [
    'From then on the topic is assigned by hand: policies, balance and lost brokers leave it alone, only drains move it. A policy (see "polylog policy") says what you want once and for all.',
  ],
  flags: {
    to: {
      type: 'string',
      value: 'BROKERS',
      documentation: 'Numbers of brokers with commas between, first the leader.',
    },
    cancel: { type: 'boolean', documentation: 'Take back the move under way.' },
    ...jsonFlag,
    ...httpFlag,
  },
  words: [0, 2],
  run: async (context) => {
    const [topic, partition] = context.arguments.words
    const session = AdminSession.of(context)
    const to = context.arguments.text('to')
    if (context.arguments.has('cancel') ? to !== undefined : (to === undefined) !== (topic === undefined)) {
      throw new UsageError('say what to do with a topic: --to BROKERS, or --cancel')
    }
    if (topic === undefined) {
      if (context.arguments.has('cancel')) throw new UsageError('name the topic whose moves are to be taken back')
      return listMoves(context, session)
    }
    const target = to === undefined ? null : brokerIds(to)
    const indexes = await partitionsOf(session, topic, partition)
    const partitions = indexes.map((index) => ({
      topic,
      partition: index,
      replicas: target === null || partition !== undefined ? target : turned(target, index),
    }))
    const answer = await session.post<ResultsAnswer>('/api/reassignments', { partitions })
    return reportResults(
      context,
      target === null ? withoutIdle(answer) : answer,
      target === null ? 'took back' : 'moving',
    )
  },
}

async function listMoves(context: CommandContext, session: AdminSession): Promise<number> {
  const answer = await session.get<ReassignmentsAnswer>('/api/reassignments')
  if (context.arguments.has('json')) {
    await printJson(context, answer)
    return exitCodes.ok
  }
  if (answer.reassignments.length === 0) {
    context.terminal.note('nothing is moving')
    return exitCodes.ok
  }
  const columns = [{ title: 'topic' }, { title: 'partition', align: 'right' }, { title: 'replicas' }] as const
  const rows = answer.reassignments.map(({ topic, partition, replicas, adding, removing }) => [
    topic,
    String(partition),
    ...[replicas, adding, removing].map((ids) => ids.join(',')),
  ])
  await context.terminal.print(formatTable([...columns, { title: 'adding' }, { title: 'removing' }], rows))
  return exitCodes.ok
}

function brokerIds(text: string): number[] {
  const words = text.split(',')
  if (!words.every((word) => /^\d{1,10}$/.test(word))) {
    throw new UsageError(`--to must be numbers of brokers with commas between, such as 2,3, not "${text}"`)
  }
  return words.map(Number)
}

/** The same brokers, another one first for each partition, so that leaders are spread. */
function turned(brokers: readonly number[], index: number): number[] {
  const by = index % brokers.length
  return [...brokers.slice(by), ...brokers.slice(0, by)]
}

/** Of a whole topic, partitions that do not move are no failure. */
function withoutIdle({ done, results }: ResultsAnswer): ResultsAnswer {
  const news = results.filter(({ error }) => error !== 'no-reassignment')
  return { done, failed: news.length - done, results: news }
}
