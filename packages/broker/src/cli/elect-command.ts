import type { ResultsAnswer } from './admin-answers.ts'
import { AdminSession } from './admin-session.ts'
import { confirm } from './client-session.ts'
import type { Command } from './command.ts'
import { UsageError } from './exit-code.ts'
import { httpFlag, jsonFlag, yesFlag } from './flags.ts'
import { partitionsOf, reportResults } from './partition-results.ts'

export const electCommand: Command = {
  summary: 'Give partitions another leader.',
  usage: 'preferred|unclean [TOPIC [PARTITION]]',
  examples: [
    ['polylog cluster elect preferred', 'give all partitions back to their first replicas, as after a restart'],
    ['polylog cluster elect preferred orders', 'those of one topic'],
    ['polylog cluster elect unclean orders 0', 'a leader that may lack records, where all that had them are lost'],
  ],
  notes: [
    'The controller does "preferred" by itself after leader.rebalance.delay.ms. "unclean" is the last resort: what the new leader lacks is lost for good, although it was acknowledged. If a broker that has it may come back, wait for it.',
  ],
  flags: { ...yesFlag, ...jsonFlag, ...httpFlag },
  words: [1, 3],
  run: async (context) => {
    const [kind, topic, partition] = context.arguments.words
    if (kind !== 'preferred' && kind !== 'unclean') {
      throw new UsageError(`an election is "preferred" or "unclean", not "${kind}"`)
    }
    const session = AdminSession.of(context)
    if (topic === undefined) {
      if (kind === 'unclean') throw new UsageError('name the topic of an unclean election')
      return reportResults(context, await session.post<ResultsAnswer>('/api/elections', { kind }), 'elected leaders of')
    }
    const indexes = await partitionsOf(session, topic, partition)
    if (kind === 'unclean') {
      await confirm(context, `Elect leaders of ${topic} that may lack acknowledged records, which are lost then?`)
    }
    const partitions = indexes.map((index) => ({ topic, partition: index }))
    const { results } = await session.post<ResultsAnswer>('/api/elections', { kind, partitions })
    // Of a whole topic only those are of interest that had not the right leader already.
    const news = partition === undefined ? results.filter(({ error }) => error !== 'election-not-needed') : results
    const failed = news.filter(({ error }) => error !== undefined).length
    return reportResults(context, { done: news.length - failed, failed, results: news }, 'elected leaders of')
  },
}
