import type { Handler } from './handler.ts'
import { produce } from './handlers/00-produce.ts'
import { fetch } from './handlers/01-fetch.ts'
import { listOffsets } from './handlers/02-list-offsets.ts'
import { metadata } from './handlers/03-metadata.ts'
import { offsetCommit } from './handlers/08-offset-commit.ts'
import { offsetFetch } from './handlers/09-offset-fetch.ts'
import { findCoordinator } from './handlers/10-find-coordinator.ts'
import { joinGroup } from './handlers/11-join-group.ts'
import { heartbeat } from './handlers/12-heartbeat.ts'
import { leaveGroup } from './handlers/13-leave-group.ts'
import { syncGroup } from './handlers/14-sync-group.ts'
import { describeGroups } from './handlers/15-describe-groups.ts'
import { listGroups } from './handlers/16-list-groups.ts'
import { saslHandshake } from './handlers/17-sasl-handshake.ts'
import { apiVersions } from './handlers/18-api-versions.ts'
import { createTopics } from './handlers/19-create-topics.ts'
import { deleteTopics } from './handlers/20-delete-topics.ts'
import { deleteRecords } from './handlers/21-delete-records.ts'
import { initProducerId } from './handlers/22-init-producer-id.ts'
import { offsetForLeaderEpoch } from './handlers/23-offset-for-leader-epoch.ts'
import { describeAcls } from './handlers/29-describe-acls.ts'
import { createAcls } from './handlers/30-create-acls.ts'
import { deleteAcls } from './handlers/31-delete-acls.ts'
import { describeConfigs } from './handlers/32-describe-configs.ts'
import { alterConfigs } from './handlers/33-alter-configs.ts'
import { describeLogDirs } from './handlers/35-describe-log-dirs.ts'
import { saslAuthenticate } from './handlers/36-sasl-authenticate.ts'
import { createPartitions } from './handlers/37-create-partitions.ts'
import { deleteGroups } from './handlers/42-delete-groups.ts'
import { electLeaders } from './handlers/43-elect-leaders.ts'
import { incrementalAlterConfigs } from './handlers/44-incremental-alter-configs.ts'
import { alterPartitionReassignments } from './handlers/45-alter-partition-reassignments.ts'
import { listPartitionReassignments } from './handlers/46-list-partition-reassignments.ts'
import { offsetDelete } from './handlers/47-offset-delete.ts'
import { describeUserScramCredentials } from './handlers/50-describe-user-scram-credentials.ts'
import { alterUserScramCredentials } from './handlers/51-alter-user-scram-credentials.ts'
import { describeCluster } from './handlers/60-describe-cluster.ts'
import { describeProducers } from './handlers/61-describe-producers.ts'
import { describeTopicPartitions } from './handlers/75-describe-topic-partitions.ts'
import { shareGroupHeartbeat } from './handlers/76-share-group-heartbeat.ts'
import { shareGroupDescribe } from './handlers/77-share-group-describe.ts'
import { shareFetch } from './handlers/78-share-fetch.ts'
import { shareAcknowledge } from './handlers/79-share-acknowledge.ts'
import { initializeShareGroupState } from './handlers/83-initialize-share-group-state.ts'
import { readShareGroupState } from './handlers/84-read-share-group-state.ts'
import { writeShareGroupState } from './handlers/85-write-share-group-state.ts'
import { deleteShareGroupState } from './handlers/86-delete-share-group-state.ts'
import { readShareGroupStateSummary } from './handlers/87-read-share-group-state-summary.ts'
import { describeShareGroupOffsets } from './handlers/90-describe-share-group-offsets.ts'
import { alterShareGroupOffsets } from './handlers/91-alter-share-group-offsets.ts'
import { deleteShareGroupOffsets } from './handlers/92-delete-share-group-offsets.ts'
import type { AdvertisedApi } from './services.ts'

/** Every API that this broker serves, by key. To add one: write its file in `handlers/`, add its line here. */
export const handlers: readonly Handler[] = [
  produce,
  fetch,
  listOffsets,
  metadata,
  offsetCommit,
  offsetFetch,
  findCoordinator,
  joinGroup,
  heartbeat,
  leaveGroup,
  syncGroup,
  describeGroups,
  listGroups,
  saslHandshake,
  apiVersions,
  createTopics,
  deleteTopics,
  deleteRecords,
  initProducerId,
  offsetForLeaderEpoch,
  describeAcls,
  createAcls,
  deleteAcls,
  describeConfigs,
  alterConfigs,
  describeLogDirs,
  saslAuthenticate,
  createPartitions,
  deleteGroups,
  electLeaders,
  incrementalAlterConfigs,
  alterPartitionReassignments,
  listPartitionReassignments,
  offsetDelete,
  describeUserScramCredentials,
  alterUserScramCredentials,
  describeCluster,
  describeProducers,
  describeTopicPartitions,
  shareGroupHeartbeat,
  shareGroupDescribe,
  shareFetch,
  shareAcknowledge,
  initializeShareGroupState,
  readShareGroupState,
  writeShareGroupState,
  deleteShareGroupState,
  readShareGroupStateSummary,
  describeShareGroupOffsets,
  alterShareGroupOffsets,
  deleteShareGroupOffsets,
]

const handlersByKey: (Handler | undefined)[] = []
for (const handler of handlers) handlersByKey[handler.api.key] = handler

/** The handler of an API key, which may be any int16. */
export function findHandler(apiKey: number): Handler | undefined {
  return handlersByKey[apiKey]
}

/** What ApiVersions answers: nothing that is not served, and the whole range of each, as one Kafka release has it. */
export const advertisedApis: readonly AdvertisedApi[] = handlers.map(({ api, shownFrom }) => ({
  apiKey: api.key,
  minVersion: shownFrom ?? api.versions[0],
  maxVersion: api.versions[1],
}))
