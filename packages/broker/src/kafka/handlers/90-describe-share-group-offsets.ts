import type {
  DescribeShareGroupOffsetsRequest,
  DescribeShareGroupOffsetsResponse,
  Infer,
  InferInput,
} from '@polylog/wire'
import { apis, uuidZero } from '@polylog/wire'
import { errorTable } from '../../errors/errors.ts'
import type { ErrorCode } from '../../errors/errors.ts'
import type { TopicProgress } from '../../queue/share-groups/group-progress.ts'
import { kafkaErrorCode } from '../error-codes.ts'
import { defineHandler } from '../handler.ts'
import { mayGroup, mayTopic } from '../permission.ts'
import type { RequestContext } from '../request-context.ts'

type WantedGroup = Infer<typeof DescribeShareGroupOffsetsRequest>['groups'][number]
type GroupAnswer = NonNullable<InferInput<typeof DescribeShareGroupOffsetsResponse>['groups']>[number]
type TopicAnswer = NonNullable<GroupAnswer['topics']>[number]

/** How far share groups are (KIP-932). */
export const describeShareGroupOffsets = defineHandler({
  api: apis[90],

  async handle({ groups }, context) {
    return { groups: await Promise.all(groups.map((group) => describe(group, context))) }
  },

  refuse: (errorCode, errorMessage, { groups }) => ({
    groups: groups.map(({ groupId }) => ({ groupId, errorCode, errorMessage })),
  }),
})

async function describe({ groupId, topics }: WantedGroup, context: RequestContext): Promise<GroupAnswer> {
  if (!mayGroup(context, 'describe', groupId)) return { groupId, ...failure('group-not-authorized') }
  const isShown = ({ topicName }: { topicName: string }): boolean => mayTopic(context, 'describe', topicName)
  const progress = await context.services.groupProgress.describe(groupId, topics && topics.filter(isShown))
  if (typeof progress === 'string') return { groupId, ...failure(progress) }
  const hidden = (topics ?? []).filter((topic) => !isShown(topic))
  return {
    groupId,
    // Of topics that were not asked for by name, those that the client must not know of are left out.
    topics: [
      ...progress.filter(isShown).map(answer),
      ...hidden.map(({ topicName, partitions }) => ({
        topicName,
        topicId: uuidZero,
        partitions: partitions.map((partitionIndex) => ({
          partitionIndex,
          startOffset: -1,
          ...failure('topic-not-authorized'),
        })),
      })),
    ],
    errorCode: 0,
  }
}

function answer({ topicName, topicId, partitions }: TopicProgress): TopicAnswer {
  return {
    topicName,
    topicId,
    partitions: partitions.map(({ index, startOffset, leaderEpoch, lag, error }) => ({
      partitionIndex: index,
      startOffset,
      leaderEpoch,
      lag,
      ...(error === undefined ? { errorCode: 0 } : failure(error)),
    })),
  }
}

function failure(error: ErrorCode) {
  return { errorCode: kafkaErrorCode(error), errorMessage: errorTable[error].message }
}
