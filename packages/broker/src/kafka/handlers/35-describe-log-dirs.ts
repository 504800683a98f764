import type { DescribeLogDirsRequest, Infer } from '@polylog/wire'
import { apis } from '@polylog/wire'
import { DiskError } from '../../host/disk.ts'
import type { Partition } from '../../topic/partition.ts'
import { defineHandler } from '../handler.ts'
import { checkCluster } from '../permission.ts'
import type { RequestContext } from '../request-context.ts'

type Request = Infer<typeof DescribeLogDirsRequest>
interface TopicSizes {
  name: string
  partitions: { partitionIndex: number; partitionSize: number; offsetLag: number }[]
}

/** Sizes of the replicas on this broker and of the disk: one folder holds all logs. */
export const describeLogDirs = defineHandler({
  api: apis[35],

  handle(request: Request, context) {
    checkCluster(context, 'describe')
    const { dataDirectory } = context.services.config
    return {
      errorCode: 0,
      results: [{ errorCode: 0, logDir: dataDirectory, topics: sizesOf(request, context), ...spaceOf(context) }],
    }
  },

  refuse: (errorCode) => ({ errorCode }),
})

function sizesOf({ topics }: Request, context: RequestContext): TopicSizes[] {
  const asked = topics === null ? null : new Map(topics.map((each) => [each.topic, new Set(each.partitions)]))
  const byName = new Map<string, TopicSizes>()
  for (const partition of context.services.topics.replicas()) {
    const { topicName: name, index } = partition
    if (asked !== null && asked.get(name)?.has(index) !== true) continue
    const sizes = byName.get(name) ?? { name, partitions: [] }
    sizes.partitions.push(sizeOf(partition))
    byName.set(name, sizes)
  }
  return [...byName.values()]
}

/** The lag is Kafka's: what the log lacks of all that it knows to be committed. Only one that has lost records does. */
function sizeOf({ index, sizeBytes, highWatermark, logEndOffset }: Partition) {
  const offsetLag = Math.max(0, highWatermark - logEndOffset)
  return { partitionIndex: index, partitionSize: sizeBytes, offsetLag, isFutureKey: false }
}

/** A broker that keeps all in memory has no folder to measure; -1 is Kafka's "not known". */
function spaceOf({ services }: RequestContext): { totalBytes: number; usableBytes: number } {
  try {
    const { freeBytes, totalBytes } = services.host.disk.space(services.config.dataDirectory)
    return { totalBytes, usableBytes: freeBytes }
  } catch (error) {
    if (!(error instanceof DiskError)) throw error
    return { totalBytes: -1, usableBytes: -1 }
  }
}
