import type { ErrorName } from '@polylog/wire'
import { errorCodes } from '@polylog/wire'
import type { ErrorCode } from '../errors/errors.ts'

/**
 * The error Kafka clients get for each failure of the broker (org.apache.kafka.common.protocol.Errors). Where Kafka has
 * no error of the same meaning, it is one whose retriability fits in the Java client, librdkafka and kafkajs.
 */
export const kafkaErrorNames = {
  'unknown-topic': 'UNKNOWN_TOPIC_OR_PARTITION',
  'unknown-topic-id': 'UNKNOWN_TOPIC_ID',
  'inconsistent-topic-id': 'INCONSISTENT_TOPIC_ID',
  'topic-exists': 'TOPIC_ALREADY_EXISTS',
  'invalid-topic-name': 'INVALID_TOPIC_EXCEPTION',
  'invalid-partition-count': 'INVALID_PARTITIONS',
  'invalid-replication-factor': 'INVALID_REPLICATION_FACTOR',
  'invalid-replica-assignment': 'INVALID_REPLICA_ASSIGNMENT',
  'invalid-config': 'INVALID_CONFIG',
  'policy-violation': 'POLICY_VIOLATION',
  'not-leader': 'NOT_LEADER_OR_FOLLOWER',
  'leader-not-available': 'LEADER_NOT_AVAILABLE',
  'fenced-leader-epoch': 'FENCED_LEADER_EPOCH',
  'unknown-leader-epoch': 'UNKNOWN_LEADER_EPOCH',
  'not-enough-replicas': 'NOT_ENOUGH_REPLICAS',
  'not-controller': 'NOT_CONTROLLER',
  'authentication-failed': 'SASL_AUTHENTICATION_FAILED',
  'unsupported-mechanism': 'UNSUPPORTED_SASL_MECHANISM',
  'unacceptable-credential': 'UNACCEPTABLE_CREDENTIAL',
  'credential-not-found': 'RESOURCE_NOT_FOUND',
  'duplicate-resource': 'DUPLICATE_RESOURCE',
  'topic-not-authorized': 'TOPIC_AUTHORIZATION_FAILED',
  'group-not-authorized': 'GROUP_AUTHORIZATION_FAILED',
  'cluster-not-authorized': 'CLUSTER_AUTHORIZATION_FAILED',
  'transactional-id-not-authorized': 'TRANSACTIONAL_ID_AUTHORIZATION_FAILED',
  'security-disabled': 'SECURITY_DISABLED',
  'election-not-needed': 'ELECTION_NOT_NEEDED',
  'preferred-leader-not-available': 'PREFERRED_LEADER_NOT_AVAILABLE',
  'eligible-leader-not-available': 'ELIGIBLE_LEADERS_NOT_AVAILABLE',
  'no-reassignment': 'NO_REASSIGNMENT_IN_PROGRESS',
  'corrupt-batch': 'CORRUPT_MESSAGE',
  'invalid-record': 'INVALID_RECORD',
  'message-too-large': 'MESSAGE_TOO_LARGE',
  'unsupported-format': 'UNSUPPORTED_FOR_MESSAGE_FORMAT',
  'unsupported-compression': 'UNSUPPORTED_COMPRESSION_TYPE',
  'invalid-timestamp': 'INVALID_TIMESTAMP',
  'offset-out-of-range': 'OFFSET_OUT_OF_RANGE',
  'offset-not-available': 'OFFSET_NOT_AVAILABLE',
  'invalid-required-acks': 'INVALID_REQUIRED_ACKS',
  'out-of-order-sequence': 'OUT_OF_ORDER_SEQUENCE_NUMBER',
  'invalid-producer-epoch': 'INVALID_PRODUCER_EPOCH',
  'duplicate-sequence': 'DUPLICATE_SEQUENCE_NUMBER',
  'unknown-producer': 'UNKNOWN_PRODUCER_ID',
  'coordinator-loading': 'COORDINATOR_LOAD_IN_PROGRESS',
  'coordinator-not-available': 'COORDINATOR_NOT_AVAILABLE',
  'not-coordinator': 'NOT_COORDINATOR',
  'invalid-group-id': 'INVALID_GROUP_ID',
  'group-not-found': 'GROUP_ID_NOT_FOUND',
  'group-not-empty': 'NON_EMPTY_GROUP',
  'group-subscribed': 'GROUP_SUBSCRIBED_TO_TOPIC',
  'group-full': 'GROUP_MAX_SIZE_REACHED',
  'unknown-member': 'UNKNOWN_MEMBER_ID',
  'member-id-required': 'MEMBER_ID_REQUIRED',
  'fenced-member-epoch': 'FENCED_MEMBER_EPOCH',
  'fenced-instance-id': 'FENCED_INSTANCE_ID',
  'illegal-generation': 'ILLEGAL_GENERATION',
  'inconsistent-protocol': 'INCONSISTENT_GROUP_PROTOCOL',
  'invalid-session-timeout': 'INVALID_SESSION_TIMEOUT',
  'rebalance-in-progress': 'REBALANCE_IN_PROGRESS',
  'offset-metadata-too-large': 'OFFSET_METADATA_TOO_LARGE',
  'invalid-record-state': 'INVALID_RECORD_STATE',
  'fenced-state-epoch': 'FENCED_STATE_EPOCH',
  'invalid-request': 'INVALID_REQUEST',
  'unsupported-version': 'UNSUPPORTED_VERSION',
  'timed-out': 'REQUEST_TIMED_OUT',
  storage: 'KAFKA_STORAGE_ERROR',
  // All three clients retry it and look for the leader anew, which is what a stopping broker wants.
  stopping: 'NETWORK_EXCEPTION',
  'broker-unreachable': 'NETWORK_EXCEPTION',
  // Carries its message to the user and is not retried.
  'limit-exceeded': 'POLICY_VIOLATION',
} as const satisfies Record<ErrorCode, ErrorName>

const codes = new Map(Object.entries(kafkaErrorNames).map(([code, name]) => [code, errorCodes[name].code]))

/** The number for a failure; 0 for none. */
export function kafkaErrorCode(code: ErrorCode | null | undefined): number {
  return code === null || code === undefined ? 0 : codes.get(code)!
}

const codesByNumber = new Map<number, ErrorCode>()
for (const [code, number] of codes) if (!codesByNumber.has(number)) codesByNumber.set(number, code as ErrorCode)

/** The failure that another broker means by a number; one that brokers do not use is taken for a passing failure there. */
export function errorCodeOf(kafkaCode: number): ErrorCode | undefined {
  return kafkaCode === 0 ? undefined : (codesByNumber.get(kafkaCode) ?? 'storage')
}
