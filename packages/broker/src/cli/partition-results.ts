import type { ResultsAnswer, TopicAnswer } from './admin-answers.ts'
import type { AdminSession } from './admin-session.ts'
import { pathName } from './admin-session.ts'
import { printJson } from './client-session.ts'
import type { CommandContext } from './command.ts'
import { CommandError, UsageError, exitCodes } from './exit-code.ts'

/**
 * The partition that the words name, or all of the topic.
 * @throws UsageError, CommandError
 */
export async function partitionsOf(session: AdminSession, topic: string, word?: string): Promise<number[]> {
  const { partitions } = await session.get<TopicAnswer>(`/api/topics/${pathName(topic)}`)
  const all = partitions.map(({ partition }) => partition)
  if (word === undefined) return all
  if (!/^\d{1,10}$/.test(word)) throw new UsageError(`a partition is named by its number, such as 0, not "${word}"`)
  if (!all.includes(Number(word))) throw new CommandError(`topic ${topic} has the partitions 0 to ${all.length - 1}`)
  return [Number(word)]
}

/** Tells what became of each partition. Returns the exit code: 1 if anything could not be done. */
export async function reportResults(
  context: CommandContext,
  { done, failed, results }: ResultsAnswer,
  deed: string,
): Promise<number> {
  if (context.arguments.has('json')) await printJson(context, { done, failed, results })
  else {
    for (const { topic, partition, message } of results) {
      if (message !== undefined) context.terminal.note(`${topic} ${partition}: ${message}`)
    }
    context.terminal.note(`${deed} ${done} partition${done === 1 ? '' : 's'}${failed > 0 ? `, ${failed} failed` : ''}`)
  }
  return failed > 0 ? exitCodes.failed : exitCodes.ok
}
