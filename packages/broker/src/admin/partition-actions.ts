import { allPartitions } from '../controller/cluster-view.ts'
import type { PartitionName, PartitionOutcome, ReassignmentRequest } from '../controller/partition-admin.ts'
import type { ClusterImage } from '../image/cluster-image.ts'
import { badRequest } from './api-error.ts'
import { findTopic } from './cluster-page.ts'
import type { ApiAnswer, ApiCall } from './api-call.ts'
import { readBody, readPartitions, readReplicas } from './request-body.ts'
import type { NamedPartition } from './request-body.ts'

/** GET /api/reassignments. */
export function showReassignments({ sources }: ApiCall): ApiAnswer {
  const reassignments = sources.partitions
    .listReassignments()
    .map(({ topic, index, replicas, adding, removing }) => ({ topic, partition: index, replicas, adding, removing }))
  return { status: 200, body: { reassignments } }
}

/** POST /api/reassignments. */
export async function reassign({ sources, request }: ApiCall): Promise<ApiAnswer> {
  const { partitions } = readBody(request, ['partitions'])
  const wanted = readPartitions(partitions, ['replicas']).map((each): [NamedPartition, readonly number[] | null] => [
    each,
    readReplicas(each['replicas']),
  ])
  const ids = resolve(
    sources.image,
    wanted.map(([named]) => named),
  )
  const requests = wanted.map(([, replicas], i): ReassignmentRequest => ({ ...ids[i]!, replicas }))
  return resultsOf(sources.image, await sources.partitions.alterReassignments(requests))
}

/** POST /api/elections. Without `partitions`: the preferred replica of every partition that it does not lead. */
export async function elect({ sources, request }: ApiCall): Promise<ApiAnswer> {
  const { kind, partitions } = readBody(request, ['kind', 'partitions'])
  if (kind !== 'preferred' && kind !== 'unclean') throw badRequest('"kind" must be "preferred" or "unclean".')
  if (partitions !== undefined) {
    const named = resolve(sources.image, readPartitions(partitions))
    return resultsOf(sources.image, await sources.partitions.electLeaders(kind, named))
  }
  if (kind === 'unclean') {
    throw badRequest('Name the "partitions": an unclean election may lose acknowledged records.')
  }
  const all = [...allPartitions(sources.image)]
    .filter(({ state }) => state.leader !== state.replicas[0])
    .map(({ topic, state }) => ({ topicId: topic.id, index: state.index }))
  const outcomes = await sources.partitions.electLeaders(kind, all)
  return resultsOf(
    sources.image,
    outcomes.filter(({ error }) => error?.code !== 'election-not-needed'),
  )
}

/** POST /api/topics/{name}/sync. */
export async function syncTopic({ sources, request, name }: ApiCall): Promise<ApiAnswer> {
  readBody(request, [])
  const topic = findTopic(sources.image, name)
  return resultsOf(sources.image, await sources.partitions.syncTopic(topic.id))
}

/** @throws ApiError 404 for a topic or a partition that is not there: nothing of such a request is done */
function resolve(image: ClusterImage, named: readonly NamedPartition[]): PartitionName[] {
  return named.map(({ topic: name, partition }) => {
    const topic = findTopic(image, name)
    if (partition >= topic.partitions.length) {
      throw badRequest(`Topic "${topic.name}" has the partitions 0 to ${topic.partitions.length - 1}.`)
    }
    return { topicId: topic.id, index: partition }
  })
}

/** What became of each partition. 200 even if some failed: the rest was done. */
function resultsOf(image: ClusterImage, outcomes: readonly PartitionOutcome[]): ApiAnswer {
  const results = outcomes.map(({ topicId, index, error }) => ({
    topic: image.topicsById.get(topicId)?.name ?? topicId,
    partition: index,
    ...(error !== undefined && { error: error.code, message: error.message }),
  }))
  const failed = outcomes.filter(({ error }) => error !== undefined).length
  return { status: 200, body: { done: outcomes.length - failed, failed, results } }
}
