/** One error that the protocol can name. */
export interface ErrorCode {
  readonly code: number
  readonly name: string
  /** Whether the same request may succeed later, perhaps after the client has refreshed its metadata. */
  readonly retriable: boolean
  readonly message: string
}

/** Every error code of Kafka 4.3.1, by name. Codes never change their meaning; names and retriability are Kafka's. */
export const errorCodes = named({
  UNKNOWN_SERVER_ERROR: final(-1, 'An unexpected error inside the broker.'),
  NONE: final(0, 'No error.'),
  OFFSET_OUT_OF_RANGE: final(1, 'The offset is outside the range the partition keeps.'),
  CORRUPT_MESSAGE: retriable(2, 'A record batch fails its checksum or is otherwise damaged.'),
  UNKNOWN_TOPIC_OR_PARTITION: retriable(3, 'The broker does not host this topic or partition.'),
  INVALID_FETCH_SIZE: final(4, 'The fetch size is not valid.'),
  LEADER_NOT_AVAILABLE: retriable(5, 'The partition has no leader at the moment.'),
  NOT_LEADER_OR_FOLLOWER: retriable(6, 'This broker is not the leader, or not a replica, of the partition.'),
  REQUEST_TIMED_OUT: retriable(7, 'The request was not finished within its time limit.'),
  BROKER_NOT_AVAILABLE: final(8, 'The broker is not available.'),
  REPLICA_NOT_AVAILABLE: retriable(9, 'The wanted replica is not available.'),
  MESSAGE_TOO_LARGE: final(10, 'The record batch is larger than the topic accepts.'),
  STALE_CONTROLLER_EPOCH: final(11, 'The controller has moved to another broker.'),
  OFFSET_METADATA_TOO_LARGE: final(12, 'The metadata committed with an offset is too long.'),
  NETWORK_EXCEPTION: retriable(13, 'The connection was lost before an answer arrived.'),
  COORDINATOR_LOAD_IN_PROGRESS: retriable(14, 'The coordinator is still loading its state.'),
  COORDINATOR_NOT_AVAILABLE: retriable(15, 'There is no coordinator at the moment.'),
  NOT_COORDINATOR: retriable(16, 'This broker is not the coordinator.'),
  INVALID_TOPIC_EXCEPTION: final(17, 'The topic name is not valid, or the topic may not be written to.'),
  RECORD_LIST_TOO_LARGE: final(18, 'The record batch is larger than a segment can hold.'),
  NOT_ENOUGH_REPLICAS: retriable(19, 'Too few replicas are in sync to accept the write.'),
  NOT_ENOUGH_REPLICAS_AFTER_APPEND: retriable(
    20,
    'The write reached the leader, but then too few replicas were in sync.',
  ),
  INVALID_REQUIRED_ACKS: final(21, 'The value of acks is none of -1, 0 and 1.'),
  ILLEGAL_GENERATION: final(22, 'The group has moved on to another generation.'),
  INCONSISTENT_GROUP_PROTOCOL: final(23, "The member's protocols have nothing in common with those of the group."),
  INVALID_GROUP_ID: final(24, 'The group id is not valid.'),
  UNKNOWN_MEMBER_ID: final(25, 'The group does not know this member.'),
  INVALID_SESSION_TIMEOUT: final(26, 'The session timeout is outside the range the broker allows.'),
  REBALANCE_IN_PROGRESS: final(27, 'The group is rebalancing; join again.'),
  INVALID_COMMIT_OFFSET_SIZE: final(28, 'The offset commit is too large.'),
  TOPIC_AUTHORIZATION_FAILED: final(29, 'Not authorized for the topic.'),
  GROUP_AUTHORIZATION_FAILED: final(30, 'Not authorized for the group.'),
  CLUSTER_AUTHORIZATION_FAILED: final(31, 'Not authorized for the cluster.'),
  INVALID_TIMESTAMP: final(32, "The record's timestamp is outside the range the topic accepts."),
  UNSUPPORTED_SASL_MECHANISM: final(33, 'The listener does not accept this SASL mechanism.'),
  ILLEGAL_SASL_STATE: final(34, 'The request does not fit the state of the SASL exchange.'),
  UNSUPPORTED_VERSION: final(35, 'The broker does not speak this version of the request.'),
  TOPIC_ALREADY_EXISTS: final(36, 'A topic of this name exists already.'),
  INVALID_PARTITIONS: final(37, 'The number of partitions is not valid.'),
  INVALID_REPLICATION_FACTOR: final(38, 'The replication factor is not valid, or larger than the number of brokers.'),
  INVALID_REPLICA_ASSIGNMENT: final(39, 'The replica assignment is not valid.'),
  INVALID_CONFIG: final(40, 'The configuration is not valid.'),
  NOT_CONTROLLER: retriable(41, 'This broker is not the controller.'),
  INVALID_REQUEST: final(42, 'The request contradicts itself or breaks a rule of the protocol.'),
  UNSUPPORTED_FOR_MESSAGE_FORMAT: final(43, 'The stored message format cannot serve this request.'),
  POLICY_VIOLATION: final(44, 'The request breaks a policy of the cluster.'),
  OUT_OF_ORDER_SEQUENCE_NUMBER: final(45, 'A batch of an idempotent producer arrived with a gap before it.'),
  DUPLICATE_SEQUENCE_NUMBER: final(46, 'A batch of an idempotent producer arrived twice.'),
  INVALID_PRODUCER_EPOCH: final(47, "The producer's epoch is older than the one the broker knows."),
  INVALID_TXN_STATE: final(48, 'The transaction is in a state that does not allow this.'),
  INVALID_PRODUCER_ID_MAPPING: final(49, 'The producer id does not belong to this transactional id.'),
  INVALID_TRANSACTION_TIMEOUT: final(50, 'The transaction timeout is larger than the broker allows.'),
  CONCURRENT_TRANSACTIONS: retriable(51, 'Another change to the same transaction is in progress.'),
  TRANSACTION_COORDINATOR_FENCED: final(52, 'A newer transaction coordinator has taken over.'),
  TRANSACTIONAL_ID_AUTHORIZATION_FAILED: final(53, 'Not authorized for the transactional id.'),
  SECURITY_DISABLED: final(54, 'Security is switched off.'),
  OPERATION_NOT_ATTEMPTED: final(55, 'Not attempted, because of another error in the same request.'),
  KAFKA_STORAGE_ERROR: retriable(56, 'The log could not be read or written on disk.'),
  LOG_DIR_NOT_FOUND: final(57, 'The log directory does not exist.'),
  SASL_AUTHENTICATION_FAILED: final(58, 'Authentication failed.'),
  UNKNOWN_PRODUCER_ID: final(59, 'The broker keeps no state of this producer any more.'),
  REASSIGNMENT_IN_PROGRESS: final(60, 'A reassignment of the partition is in progress.'),
  DELEGATION_TOKEN_AUTH_DISABLED: final(61, 'Delegation tokens are switched off.'),
  DELEGATION_TOKEN_NOT_FOUND: final(62, 'The delegation token does not exist.'),
  DELEGATION_TOKEN_OWNER_MISMATCH: final(63, 'Not the owner of the delegation token.'),
  DELEGATION_TOKEN_REQUEST_NOT_ALLOWED: final(64, 'Delegation tokens cannot be managed over this connection.'),
  DELEGATION_TOKEN_AUTHORIZATION_FAILED: final(65, 'Not authorized for the delegation token.'),
  DELEGATION_TOKEN_EXPIRED: final(66, 'The delegation token has expired.'),
  INVALID_PRINCIPAL_TYPE: final(67, 'The principal type is not supported.'),
  NON_EMPTY_GROUP: final(68, 'The group still has members.'),
  GROUP_ID_NOT_FOUND: final(69, 'The group does not exist.'),
  FETCH_SESSION_ID_NOT_FOUND: retriable(70, 'The fetch session does not exist.'),
  INVALID_FETCH_SESSION_EPOCH: retriable(71, 'The fetch session is at another epoch.'),
  LISTENER_NOT_FOUND: retriable(72, 'The leader has no endpoint on the listener the request came in on.'),
  TOPIC_DELETION_DISABLED: final(73, 'Topic deletion is switched off.'),
  FENCED_LEADER_EPOCH: retriable(74, "The leader epoch in the request is older than the broker's."),
  UNKNOWN_LEADER_EPOCH: retriable(75, "The leader epoch in the request is newer than the broker's."),
  UNSUPPORTED_COMPRESSION_TYPE: final(76, 'The compression type is not supported here.'),
  STALE_BROKER_EPOCH: final(77, 'The broker epoch is older than the registered one.'),
  OFFSET_NOT_AVAILABLE: retriable(78, 'The new leader does not know the end of the committed log yet.'),
  MEMBER_ID_REQUIRED: final(79, 'Join again with the member id in this answer.'),
  PREFERRED_LEADER_NOT_AVAILABLE: retriable(80, 'The preferred leader is not available.'),
  GROUP_MAX_SIZE_REACHED: final(81, 'The group has as many members as it may have.'),
  FENCED_INSTANCE_ID: final(82, 'Another member with the same instance id has taken over.'),
  ELIGIBLE_LEADERS_NOT_AVAILABLE: retriable(83, 'No replica is eligible to lead.'),
  ELECTION_NOT_NEEDED: retriable(84, 'The partition has the wanted leader already.'),
  NO_REASSIGNMENT_IN_PROGRESS: final(85, 'No reassignment is in progress.'),
  GROUP_SUBSCRIBED_TO_TOPIC: final(86, 'A member of the group subscribes to the topic.'),
  INVALID_RECORD: final(87, 'A record breaks a rule of the broker.'),
  UNSTABLE_OFFSET_COMMIT: retriable(88, 'A transaction still holds offsets of the group.'),
  THROTTLING_QUOTA_EXCEEDED: retriable(89, 'The quota is used up for now.'),
  PRODUCER_FENCED: final(90, 'A newer producer with the same transactional id has taken over.'),
  RESOURCE_NOT_FOUND: final(91, 'The resource does not exist.'),
  DUPLICATE_RESOURCE: final(92, 'The resource is named twice.'),
  UNACCEPTABLE_CREDENTIAL: final(93, 'The credential does not meet the requirements.'),
  INCONSISTENT_VOTER_SET: final(94, 'The voter sets of sender and receiver differ.'),
  INVALID_UPDATE_VERSION: final(95, 'The change is based on an older state of the partition.'),
  FEATURE_UPDATE_FAILED: final(96, 'The feature could not be updated.'),
  PRINCIPAL_DESERIALIZATION_FAILURE: final(97, 'The forwarded principal could not be read.'),
  SNAPSHOT_NOT_FOUND: final(98, 'The snapshot does not exist.'),
  POSITION_OUT_OF_RANGE: final(99, 'The position is outside the snapshot.'),
  UNKNOWN_TOPIC_ID: retriable(100, 'The broker does not know this topic id.'),
  DUPLICATE_BROKER_REGISTRATION: final(101, 'The broker id is registered already.'),
  BROKER_ID_NOT_REGISTERED: final(102, 'The broker id is not registered.'),
  INCONSISTENT_TOPIC_ID: retriable(103, 'The topic id does not belong to the topic name.'),
  INCONSISTENT_CLUSTER_ID: final(104, 'The request is meant for another cluster.'),
  TRANSACTIONAL_ID_NOT_FOUND: final(105, 'The transactional id does not exist.'),
  FETCH_SESSION_TOPIC_ID_ERROR: retriable(106, 'The fetch session changed between topic names and topic ids.'),
  INELIGIBLE_REPLICA: final(107, 'A replica proposed for the in-sync set may not join it.'),
  NEW_LEADER_ELECTED: final(108, 'The change led to the election of a new leader.'),
  OFFSET_MOVED_TO_TIERED_STORAGE: final(109, 'The offset has been moved to remote storage.'),
  FENCED_MEMBER_EPOCH: final(110, "The member epoch is older than the coordinator's; join again."),
  UNRELEASED_INSTANCE_ID: final(111, 'The instance id is still in use by a live member.'),
  UNSUPPORTED_ASSIGNOR: final(112, 'The broker does not know the assignor.'),
  STALE_MEMBER_EPOCH: final(113, "The member epoch is older than the member's current one; heartbeat and retry."),
  MISMATCHED_ENDPOINT_TYPE: final(114, 'The request was sent to the wrong kind of endpoint.'),
  UNSUPPORTED_ENDPOINT_TYPE: final(115, 'The kind of endpoint is not supported.'),
  UNKNOWN_CONTROLLER_ID: final(116, 'The controller id is not known.'),
  UNKNOWN_SUBSCRIPTION_ID: final(117, 'The telemetry subscription is not known.'),
  TELEMETRY_TOO_LARGE: final(118, 'The telemetry data is too large.'),
  INVALID_REGISTRATION: final(119, "The broker's registration is not valid."),
  TRANSACTION_ABORTABLE: final(120, 'The transaction has to be aborted, after which the producer may go on.'),
  INVALID_RECORD_STATE: final(121, 'The record is in a state that does not allow this.'),
  SHARE_SESSION_NOT_FOUND: retriable(122, 'The share session does not exist.'),
  INVALID_SHARE_SESSION_EPOCH: retriable(123, 'The share session is at another epoch.'),
  FENCED_STATE_EPOCH: final(124, 'The state epoch is older than the stored one.'),
  INVALID_VOTER_KEY: final(125, "The voter's key does not match its id."),
  DUPLICATE_VOTER: final(126, 'The voter is in the voter set already.'),
  VOTER_NOT_FOUND: final(127, 'The voter is not in the voter set.'),
  INVALID_REGULAR_EXPRESSION: final(128, 'The regular expression is not valid.'),
  REBOOTSTRAP_REQUIRED: final(129, "The client's metadata is too old; start over from the bootstrap list."),
  STREAMS_INVALID_TOPOLOGY: final(130, 'The Streams topology is not valid.'),
  STREAMS_INVALID_TOPOLOGY_EPOCH: final(131, 'The epoch of the Streams topology is not valid.'),
  STREAMS_TOPOLOGY_FENCED: final(132, 'The epoch of the Streams topology is out of date.'),
  SHARE_SESSION_LIMIT_REACHED: retriable(133, 'The broker has as many share sessions as it may have.'),
})

export type ErrorName = keyof typeof errorCodes

const byCode: ReadonlyMap<number, ErrorCode> = new Map(
  Object.values<ErrorCode>(errorCodes).map((error) => [error.code, error]),
)

/** The error of a code, or null for a code that Kafka 4.3.1 does not have. */
export function errorOf(code: number): ErrorCode | null {
  return byCode.get(code) ?? null
}

type Unnamed<Code extends number = number> = Omit<ErrorCode, 'name' | 'code'> & { readonly code: Code }

function final<const Code extends number>(code: Code, message: string): Unnamed<Code> {
  return { code, retriable: false, message }
}

function retriable<const Code extends number>(code: Code, message: string): Unnamed<Code> {
  return { code, retriable: true, message }
}

function named<Rows extends { readonly [name: string]: Unnamed }>(
  rows: Rows,
): { readonly [Name in keyof Rows]: Rows[Name] & { readonly name: Name } } {
  const entries = Object.entries(rows).map(([name, row]) => [name, { name, ...row }])
  return Object.fromEntries(entries) as { readonly [Name in keyof Rows]: Rows[Name] & { readonly name: Name } }
}
