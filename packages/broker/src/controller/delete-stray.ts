import type { Comparison, MetadataStore } from '../cluster/metadata-store.ts'
import { partitionKey, topicPrefix } from '../image/keys.ts'
import { decodeTopic } from '../image/topic.ts'
import type { Logger } from '../telemetry/logger.ts'
import type { StrayTopic } from './plan-cleaning.ts'

const deletesPerWriteMax = 100

/**
 * Deletes partition states that belong to no topic, after a look at every topic in the store itself. A topic that cannot
 * be read keeps all of them: nobody may conclude from damage that data is to be removed (reliability.md §6, 3).
 * @returns how many were deleted
 */
export async function deleteStray(
  store: MetadataStore,
  fence: Comparison,
  { topicId, states }: StrayTopic,
  logger: Logger,
): Promise<number> {
  const topics = await store.range(topicPrefix)
  for (const { key, value, modRevision } of topics.keyValues) {
    let id: string
    try {
      id = decodeTopic(key.slice(topicPrefix.length), value, modRevision).id
    } catch (error) {
      logger.error('left-over partitions are kept because a topic cannot be read', { key, error: String(error) })
      return 0
    }
    if (id === topicId) return 0
  }
  let deletedCount = 0
  for (let at = 0; at < states.length; at += deletesPerWriteMax) {
    const some = states.slice(at, at + deletesPerWriteMax)
    const keys = some.map(({ index }) => partitionKey(topicId, index))
    const { succeeded } = await store.transaction({
      compare: [
        fence,
        ...some.map(({ modRevision }, i): Comparison => {
          return { key: keys[i]!, target: 'modRevision', operator: '=', value: modRevision }
        }),
      ],
      then: keys.map((key) => ({ kind: 'delete', key })),
    })
    if (!succeeded) break
    deletedCount += some.length
  }
  if (deletedCount > 0) logger.warn('left-over partition states are deleted', { topicId, count: deletedCount })
  return deletedCount
}
