export { Reader } from './bytes/reader.ts'
export type { ByteParts } from './bytes/writer.ts'
export { Writer } from './bytes/writer.ts'
export { WireError } from './bytes/wire-error.ts'
export { codec, decode, encode } from './schema/codec.ts'
export type { Codec, Infer, InferInput, Message } from './schema/schema.ts'
export { int64Max, uuidZero } from './schema/schema.ts'
export type { Api, ApiKey } from './kafka/apis.ts'
export { apis, findApi } from './kafka/apis.ts'
export {
  aclAny,
  aclOperationNumbers,
  aclPatternTypeNumbers,
  aclPermissionNumbers,
  aclResourceTypeNumbers,
} from './kafka/acl-numbers.ts'
export type { ErrorCode, ErrorName } from './kafka/error-codes.ts'
export { errorCodes, errorOf } from './kafka/error-codes.ts'
export type { RequestHeader } from './kafka/frame.ts'
export { decodeRequestHeader, decodeResponseHeader, encodeRequest, encodeResponse } from './kafka/frame.ts'
export { ProduceRequest, ProduceResponse } from './kafka/00-produce.ts'
export { FetchRequest, FetchResponse } from './kafka/01-fetch.ts'
export { ListOffsetsRequest, ListOffsetsResponse } from './kafka/02-list-offsets.ts'
export { MetadataRequest, MetadataResponse } from './kafka/03-metadata.ts'
export { OffsetCommitRequest, OffsetCommitResponse } from './kafka/08-offset-commit.ts'
export { OffsetFetchRequest, OffsetFetchResponse } from './kafka/09-offset-fetch.ts'
export { FindCoordinatorRequest, FindCoordinatorResponse } from './kafka/10-find-coordinator.ts'
export { JoinGroupRequest, JoinGroupResponse } from './kafka/11-join-group.ts'
export { HeartbeatRequest, HeartbeatResponse } from './kafka/12-heartbeat.ts'
export { LeaveGroupRequest, LeaveGroupResponse } from './kafka/13-leave-group.ts'
export { SyncGroupRequest, SyncGroupResponse } from './kafka/14-sync-group.ts'
export { DescribeGroupsRequest, DescribeGroupsResponse } from './kafka/15-describe-groups.ts'
export { ListGroupsRequest, ListGroupsResponse } from './kafka/16-list-groups.ts'
export { SaslHandshakeRequest, SaslHandshakeResponse } from './kafka/17-sasl-handshake.ts'
export { ApiVersionsRequest, ApiVersionsResponse } from './kafka/18-api-versions.ts'
export { CreateTopicsRequest, CreateTopicsResponse } from './kafka/19-create-topics.ts'
export { DeleteTopicsRequest, DeleteTopicsResponse } from './kafka/20-delete-topics.ts'
export { DeleteRecordsRequest, DeleteRecordsResponse } from './kafka/21-delete-records.ts'
export { InitProducerIdRequest, InitProducerIdResponse } from './kafka/22-init-producer-id.ts'
export { OffsetForLeaderEpochRequest, OffsetForLeaderEpochResponse } from './kafka/23-offset-for-leader-epoch.ts'
export { AddPartitionsToTxnRequest, AddPartitionsToTxnResponse } from './kafka/24-add-partitions-to-txn.ts'
export { AddOffsetsToTxnRequest, AddOffsetsToTxnResponse } from './kafka/25-add-offsets-to-txn.ts'
export { EndTxnRequest, EndTxnResponse } from './kafka/26-end-txn.ts'
export { WriteTxnMarkersRequest, WriteTxnMarkersResponse } from './kafka/27-write-txn-markers.ts'
export { TxnOffsetCommitRequest, TxnOffsetCommitResponse } from './kafka/28-txn-offset-commit.ts'
export { DescribeAclsRequest, DescribeAclsResponse } from './kafka/29-describe-acls.ts'
export { CreateAclsRequest, CreateAclsResponse } from './kafka/30-create-acls.ts'
export { DeleteAclsRequest, DeleteAclsResponse } from './kafka/31-delete-acls.ts'
export { DescribeConfigsRequest, DescribeConfigsResponse } from './kafka/32-describe-configs.ts'
export { AlterConfigsRequest, AlterConfigsResponse } from './kafka/33-alter-configs.ts'
export { DescribeLogDirsRequest, DescribeLogDirsResponse } from './kafka/35-describe-log-dirs.ts'
export { SaslAuthenticateRequest, SaslAuthenticateResponse } from './kafka/36-sasl-authenticate.ts'
export { CreatePartitionsRequest, CreatePartitionsResponse } from './kafka/37-create-partitions.ts'
export { DeleteGroupsRequest, DeleteGroupsResponse } from './kafka/42-delete-groups.ts'
export { ElectLeadersRequest, ElectLeadersResponse } from './kafka/43-elect-leaders.ts'
export {
  IncrementalAlterConfigsRequest,
  IncrementalAlterConfigsResponse,
} from './kafka/44-incremental-alter-configs.ts'
export {
  AlterPartitionReassignmentsRequest,
  AlterPartitionReassignmentsResponse,
} from './kafka/45-alter-partition-reassignments.ts'
export {
  ListPartitionReassignmentsRequest,
  ListPartitionReassignmentsResponse,
} from './kafka/46-list-partition-reassignments.ts'
export { OffsetDeleteRequest, OffsetDeleteResponse } from './kafka/47-offset-delete.ts'
export {
  DescribeUserScramCredentialsRequest,
  DescribeUserScramCredentialsResponse,
} from './kafka/50-describe-user-scram-credentials.ts'
export {
  AlterUserScramCredentialsRequest,
  AlterUserScramCredentialsResponse,
} from './kafka/51-alter-user-scram-credentials.ts'
export { DescribeClusterRequest, DescribeClusterResponse } from './kafka/60-describe-cluster.ts'
export { DescribeProducersRequest, DescribeProducersResponse } from './kafka/61-describe-producers.ts'
export { DescribeTransactionsRequest, DescribeTransactionsResponse } from './kafka/65-describe-transactions.ts'
export { ListTransactionsRequest, ListTransactionsResponse } from './kafka/66-list-transactions.ts'
export { ConsumerGroupHeartbeatRequest, ConsumerGroupHeartbeatResponse } from './kafka/68-consumer-group-heartbeat.ts'
export { ConsumerGroupDescribeRequest, ConsumerGroupDescribeResponse } from './kafka/69-consumer-group-describe.ts'
export { ListConfigResourcesRequest, ListConfigResourcesResponse } from './kafka/74-list-config-resources.ts'
export {
  DescribeTopicPartitionsRequest,
  DescribeTopicPartitionsResponse,
} from './kafka/75-describe-topic-partitions.ts'
export { ShareGroupHeartbeatRequest, ShareGroupHeartbeatResponse } from './kafka/76-share-group-heartbeat.ts'
export { ShareGroupDescribeRequest, ShareGroupDescribeResponse } from './kafka/77-share-group-describe.ts'
export { ShareFetchRequest, ShareFetchResponse } from './kafka/78-share-fetch.ts'
export { ShareAcknowledgeRequest, ShareAcknowledgeResponse } from './kafka/79-share-acknowledge.ts'
export {
  InitializeShareGroupStateRequest,
  InitializeShareGroupStateResponse,
} from './kafka/83-initialize-share-group-state.ts'
export { ReadShareGroupStateRequest, ReadShareGroupStateResponse } from './kafka/84-read-share-group-state.ts'
export { WriteShareGroupStateRequest, WriteShareGroupStateResponse } from './kafka/85-write-share-group-state.ts'
export { DeleteShareGroupStateRequest, DeleteShareGroupStateResponse } from './kafka/86-delete-share-group-state.ts'
export {
  ReadShareGroupStateSummaryRequest,
  ReadShareGroupStateSummaryResponse,
} from './kafka/87-read-share-group-state-summary.ts'
export {
  DescribeShareGroupOffsetsRequest,
  DescribeShareGroupOffsetsResponse,
} from './kafka/90-describe-share-group-offsets.ts'
export { AlterShareGroupOffsetsRequest, AlterShareGroupOffsetsResponse } from './kafka/91-alter-share-group-offsets.ts'
export {
  DeleteShareGroupOffsetsRequest,
  DeleteShareGroupOffsetsResponse,
} from './kafka/92-delete-share-group-offsets.ts'
export { ConsumerProtocolAssignment, ConsumerProtocolSubscription } from './kafka/stored/consumer-protocol.ts'
export { GroupMetadataKey, GroupMetadataValue } from './kafka/stored/group-metadata.ts'
export type { OffsetsKey } from './kafka/stored/offsets-key.ts'
export { decodeOffsetsKey, encodeOffsetsKey } from './kafka/stored/offsets-key.ts'
export { OffsetCommitKey, OffsetCommitValue } from './kafka/stored/offset-commit.ts'
export {
  ShareGroupMemberMetadataKey,
  ShareGroupMemberMetadataValue,
  ShareGroupMetadataKey,
  ShareGroupMetadataValue,
  ShareGroupStatePartitionMetadataKey,
  ShareGroupStatePartitionMetadataValue,
} from './kafka/stored/share-group.ts'
export {
  ShareSnapshotKey,
  ShareSnapshotValue,
  ShareUpdateKey,
  ShareUpdateValue,
} from './kafka/stored/share-state.ts'
export { decodeVersioned, encodeVersioned } from './kafka/stored/versioned.ts'
