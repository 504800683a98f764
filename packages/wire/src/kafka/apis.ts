import { ProduceRequest, ProduceResponse } from './00-produce.ts'
import { FetchRequest, FetchResponse } from './01-fetch.ts'
import { ListOffsetsRequest, ListOffsetsResponse } from './02-list-offsets.ts'
import { MetadataRequest, MetadataResponse } from './03-metadata.ts'
import { OffsetCommitRequest, OffsetCommitResponse } from './08-offset-commit.ts'
import { OffsetFetchRequest, OffsetFetchResponse } from './09-offset-fetch.ts'
import { FindCoordinatorRequest, FindCoordinatorResponse } from './10-find-coordinator.ts'
import { JoinGroupRequest, JoinGroupResponse } from './11-join-group.ts'
import { HeartbeatRequest, HeartbeatResponse } from './12-heartbeat.ts'
import { LeaveGroupRequest, LeaveGroupResponse } from './13-leave-group.ts'
import { SyncGroupRequest, SyncGroupResponse } from './14-sync-group.ts'
import { DescribeGroupsRequest, DescribeGroupsResponse } from './15-describe-groups.ts'
import { ListGroupsRequest, ListGroupsResponse } from './16-list-groups.ts'
import { SaslHandshakeRequest, SaslHandshakeResponse } from './17-sasl-handshake.ts'
import { ApiVersionsRequest, ApiVersionsResponse } from './18-api-versions.ts'
import { CreateTopicsRequest, CreateTopicsResponse } from './19-create-topics.ts'
import { DeleteTopicsRequest, DeleteTopicsResponse } from './20-delete-topics.ts'
import { DeleteRecordsRequest, DeleteRecordsResponse } from './21-delete-records.ts'
import { InitProducerIdRequest, InitProducerIdResponse } from './22-init-producer-id.ts'
import { OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse } from './23-offset-for-leader-epoch.ts'
import { AddPartitionsToTxnRequest, AddPartitionsToTxnResponse } from './24-add-partitions-to-txn.ts'
import { AddOffsetsToTxnRequest, AddOffsetsToTxnResponse } from './25-add-offsets-to-txn.ts'
import { EndTxnRequest, EndTxnResponse } from './26-end-txn.ts'
import { WriteTxnMarkersRequest, WriteTxnMarkersResponse } from './27-write-txn-markers.ts'
import { TxnOffsetCommitRequest, TxnOffsetCommitResponse } from './28-txn-offset-commit.ts'
import { DescribeAclsRequest, DescribeAclsResponse } from './29-describe-acls.ts'
import { CreateAclsRequest, CreateAclsResponse } from './30-create-acls.ts'
import { DeleteAclsRequest, DeleteAclsResponse } from './31-delete-acls.ts'
import { DescribeConfigsRequest, DescribeConfigsResponse } from './32-describe-configs.ts'
import { AlterConfigsRequest, AlterConfigsResponse } from './33-alter-configs.ts'
import { DescribeLogDirsRequest, DescribeLogDirsResponse } from './35-describe-log-dirs.ts'
import { SaslAuthenticateRequest, SaslAuthenticateResponse } from './36-sasl-authenticate.ts'
import { CreatePartitionsRequest, CreatePartitionsResponse } from './37-create-partitions.ts'
import { DeleteGroupsRequest, DeleteGroupsResponse } from './42-delete-groups.ts'
import { ElectLeadersRequest, ElectLeadersResponse } from './43-elect-leaders.ts'
import { IncrementalAlterConfigsRequest, IncrementalAlterConfigsResponse } from './44-incremental-alter-configs.ts'
import {
  AlterPartitionReassignmentsRequest,
  AlterPartitionReassignmentsResponse,
} from './45-alter-partition-reassignments.ts'
import {
  ListPartitionReassignmentsRequest,
  ListPartitionReassignmentsResponse,
} from './46-list-partition-reassignments.ts'
import { OffsetDeleteRequest, OffsetDeleteResponse } from './47-offset-delete.ts'
import {
  DescribeUserScramCredentialsRequest,
  DescribeUserScramCredentialsResponse,
} from './50-describe-user-scram-credentials.ts'
import {
  AlterUserScramCredentialsRequest,
  AlterUserScramCredentialsResponse,
} from './51-alter-user-scram-credentials.ts'
import { DescribeClusterRequest, DescribeClusterResponse } from './60-describe-cluster.ts'
import { DescribeProducersRequest, DescribeProducersResponse } from './61-describe-producers.ts'
import { DescribeTransactionsRequest, DescribeTransactionsResponse } from './65-describe-transactions.ts'
import { ListTransactionsRequest, ListTransactionsResponse } from './66-list-transactions.ts'
import { ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse } from './68-consumer-group-heartbeat.ts'
import { ConsumerGroupDescribeRequest, ConsumerGroupDescribeResponse } from './69-consumer-group-describe.ts'
import { ListConfigResourcesRequest, ListConfigResourcesResponse } from './74-list-config-resources.ts'
import { DescribeTopicPartitionsRequest, DescribeTopicPartitionsResponse } from './75-describe-topic-partitions.ts'
import { ShareGroupHeartbeatRequest, ShareGroupHeartbeatResponse } from './76-share-group-heartbeat.ts'
import { ShareGroupDescribeRequest, ShareGroupDescribeResponse } from './77-share-group-describe.ts'
import { ShareFetchRequest, ShareFetchResponse } from './78-share-fetch.ts'
import { ShareAcknowledgeRequest, ShareAcknowledgeResponse } from './79-share-acknowledge.ts'
import {
  InitializeShareGroupStateRequest,
  InitializeShareGroupStateResponse,
} from './83-initialize-share-group-state.ts'
import { ReadShareGroupStateRequest, ReadShareGroupStateResponse } from './84-read-share-group-state.ts'
import { WriteShareGroupStateRequest, WriteShareGroupStateResponse } from './85-write-share-group-state.ts'
import { DeleteShareGroupStateRequest, DeleteShareGroupStateResponse } from './86-delete-share-group-state.ts'
import {
  ReadShareGroupStateSummaryRequest,
  ReadShareGroupStateSummaryResponse,
} from './87-read-share-group-state-summary.ts'
import {
  DescribeShareGroupOffsetsRequest,
  DescribeShareGroupOffsetsResponse,
} from './90-describe-share-group-offsets.ts'
import { AlterShareGroupOffsetsRequest, AlterShareGroupOffsetsResponse } from './91-alter-share-group-offsets.ts'
import { DeleteShareGroupOffsetsRequest, DeleteShareGroupOffsetsResponse } from './92-delete-share-group-offsets.ts'
import type { Message } from '../schema/schema.ts'

/** One API: everything about it that does not depend on who serves it. */
export interface Api<Request extends AnyMessage = AnyMessage, Response extends AnyMessage = AnyMessage> {
  readonly key: number
  /** Kafka's name, without `Request` and `Response`. */
  readonly name: string
  readonly request: Request
  readonly response: Response
  /** First and last version of Kafka 4.3.1. */
  readonly versions: readonly [first: number, last: number]
  /** First flexible version (KIP-482), infinity if none is; decides the header versions too. */
  readonly flexible: number
}

type AnyMessage = Message<unknown, unknown>

function api<Request extends AnyMessage, Response extends AnyMessage>(
  request: Request,
  response: Response,
): Api<Request, Response> {
  const { apiKey, versions, flexible } = request
  if (apiKey === null) throw new Error(`${request.name} has no API key`)
  return { key: apiKey, name: request.name.slice(0, -'Request'.length), request, response, versions, flexible }
}

/** Every API of this package by key. To add one: write its file, add its line here. */
export const apis = {
  0: api(ProduceRequest, ProduceResponse),
  1: api(FetchRequest, FetchResponse),
  2: api(ListOffsetsRequest, ListOffsetsResponse),
  3: api(MetadataRequest, MetadataResponse),
  8: api(OffsetCommitRequest, OffsetCommitResponse),
  9: api(OffsetFetchRequest, OffsetFetchResponse),
  10: api(FindCoordinatorRequest, FindCoordinatorResponse),
  11: api(JoinGroupRequest, JoinGroupResponse),
  12: api(HeartbeatRequest, HeartbeatResponse),
  13: api(LeaveGroupRequest, LeaveGroupResponse),
  14: api(SyncGroupRequest, SyncGroupResponse),
  15: api(DescribeGroupsRequest, DescribeGroupsResponse),
  16: api(ListGroupsRequest, ListGroupsResponse),
  17: api(SaslHandshakeRequest, SaslHandshakeResponse),
  18: api(ApiVersionsRequest, ApiVersionsResponse),
  19: api(CreateTopicsRequest, CreateTopicsResponse),
  20: api(DeleteTopicsRequest, DeleteTopicsResponse),
  21: api(DeleteRecordsRequest, DeleteRecordsResponse),
  22: api(InitProducerIdRequest, InitProducerIdResponse),
  23: api(OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse),
  24: api(AddPartitionsToTxnRequest, AddPartitionsToTxnResponse),
  25: api(AddOffsetsToTxnRequest, AddOffsetsToTxnResponse),
  26: api(EndTxnRequest, EndTxnResponse),
  27: api(WriteTxnMarkersRequest, WriteTxnMarkersResponse),
  28: api(TxnOffsetCommitRequest, TxnOffsetCommitResponse),
  29: api(DescribeAclsRequest, DescribeAclsResponse),
  30: api(CreateAclsRequest, CreateAclsResponse),
  31: api(DeleteAclsRequest, DeleteAclsResponse),
  32: api(DescribeConfigsRequest, DescribeConfigsResponse),
  33: api(AlterConfigsRequest, AlterConfigsResponse),
  35: api(DescribeLogDirsRequest, DescribeLogDirsResponse),
  36: api(SaslAuthenticateRequest, SaslAuthenticateResponse),
  37: api(CreatePartitionsRequest, CreatePartitionsResponse),
  42: api(DeleteGroupsRequest, DeleteGroupsResponse),
  43: api(ElectLeadersRequest, ElectLeadersResponse),
  44: api(IncrementalAlterConfigsRequest, IncrementalAlterConfigsResponse),
  45: api(AlterPartitionReassignmentsRequest, AlterPartitionReassignmentsResponse),
  46: api(ListPartitionReassignmentsRequest, ListPartitionReassignmentsResponse),
  47: api(OffsetDeleteRequest, OffsetDeleteResponse),
  50: api(DescribeUserScramCredentialsRequest, DescribeUserScramCredentialsResponse),
  51: api(AlterUserScramCredentialsRequest, AlterUserScramCredentialsResponse),
  60: api(DescribeClusterRequest, DescribeClusterResponse),
  61: api(DescribeProducersRequest, DescribeProducersResponse),
  65: api(DescribeTransactionsRequest, DescribeTransactionsResponse),
  66: api(ListTransactionsRequest, ListTransactionsResponse),
  68: api(ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse),
  69: api(ConsumerGroupDescribeRequest, ConsumerGroupDescribeResponse),
  74: api(ListConfigResourcesRequest, ListConfigResourcesResponse),
  75: api(DescribeTopicPartitionsRequest, DescribeTopicPartitionsResponse),
  76: api(ShareGroupHeartbeatRequest, ShareGroupHeartbeatResponse),
  77: api(ShareGroupDescribeRequest, ShareGroupDescribeResponse),
  78: api(ShareFetchRequest, ShareFetchResponse),
  79: api(ShareAcknowledgeRequest, ShareAcknowledgeResponse),
  83: api(InitializeShareGroupStateRequest, InitializeShareGroupStateResponse),
  84: api(ReadShareGroupStateRequest, ReadShareGroupStateResponse),
  85: api(WriteShareGroupStateRequest, WriteShareGroupStateResponse),
  86: api(DeleteShareGroupStateRequest, DeleteShareGroupStateResponse),
  87: api(ReadShareGroupStateSummaryRequest, ReadShareGroupStateSummaryResponse),
  90: api(DescribeShareGroupOffsetsRequest, DescribeShareGroupOffsetsResponse),
  91: api(AlterShareGroupOffsetsRequest, AlterShareGroupOffsetsResponse),
  92: api(DeleteShareGroupOffsetsRequest, DeleteShareGroupOffsetsResponse),
} as const

export type ApiKey = keyof typeof apis

/** The API of a key, or null for a key that this package does not know. */
export function findApi(key: number): Api | null {
  return (apis as { readonly [key: number]: Api | undefined })[key] ?? null
}
