import { refusal } from '../client-error.ts'
import type { Cluster } from '../cluster.ts'
import type { TopicPartition } from '../fetcher.ts'
import { groupedBy } from '../grouping.ts'
import type { CommittedOffset } from '../groups.ts'
import { committedOffsets } from '../groups.ts'
import { listOffsets } from '../offsets.ts'

const offsetNotAvailable = 78

/**
 * Where a member reads its partitions from: where the group has committed, else from `from`.
 * @throws ClientError
 */
export async function startOffsets(
  cluster: Cluster,
  group: string,
  partitions: readonly TopicPartition[],
  from: 'beginning' | 'end',
): Promise<CommittedOffset[]> {
  const found: CommittedOffset[] = []
  if (partitions.length === 0) return found
  const all = await committedOffsets(cluster, group)
  const committed = new Map(all.map(({ topic, partition, offset }) => [`${topic}/${partition}`, offset]))
  for (const [topic, entries] of groupedBy(partitions, (entry) => entry.topic)) {
    const fresh = entries.map(({ partition }) => partition).filter((index) => !committed.has(`${topic}/${index}`))
    const starts = await listOffsets(cluster, topic, fresh, from)
    for (const { partition } of entries) {
      const offset = committed.get(`${topic}/${partition}`) ?? starts.get(partition)
      const what = `no offset to start from in partition ${partition} of "${topic}"`
      if (offset === undefined) throw refusal(offsetNotAvailable, what)
      found.push({ topic, partition, offset })
    }
  }
  return found
}
