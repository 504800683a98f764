import type {
  Infer,
  InferInput,
  ListPartitionReassignmentsRequest,
  ListPartitionReassignmentsResponse,
} from '@polylog/wire'
import { apis } from '@polylog/wire'
import { defineHandler } from '../handler.ts'
import { groupByTopic } from '../partition-requests.ts'
import { checkCluster } from '../permission.ts'

type Request = Infer<typeof ListPartitionReassignmentsRequest>
type Response = InferInput<typeof ListPartitionReassignmentsResponse>

/** The partitions that are being moved; of those that are asked for, if any are. */
export const listPartitionReassignments = defineHandler({
  api: apis[46],

  handle({ topics }: Request, context): Response {
    checkCluster(context, 'describe')
    const { services } = context
    const asked = topics === null ? null : new Map(topics.map((each) => [each.name, new Set(each.partitionIndexes)]))
    const ids = asked && [...asked.keys()].flatMap((name) => services.topics.find(name)?.id ?? [])
    const ongoing = services.clusterAdmin.listReassignments(ids === null ? undefined : new Set(ids))
    const shown = asked === null ? ongoing : ongoing.filter(({ topic, index }) => asked.get(topic)?.has(index) === true)
    const groups = groupByTopic(shown, ({ index, replicas, adding, removing }) => ({
      partitionIndex: index,
      replicas,
      addingReplicas: adding,
      removingReplicas: removing,
    }))
    const moving = groups.map(([name, partitions]) => ({ name, partitions }))
    return { throttleTimeMs: 0, errorCode: 0, errorMessage: null, topics: moving }
  },

  refuse: (errorCode, errorMessage) => ({ throttleTimeMs: 0, errorCode, errorMessage, topics: [] }),
})
