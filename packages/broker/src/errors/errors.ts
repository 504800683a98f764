/**
 * Every expected failure of the broker, in the words of no protocol. Front-ends map each code exhaustively
 * (`satisfies Record<ErrorCode, …>`), so a new code does not compile until every protocol has decided what it means there.
 * `docs/errors.md` has a section per code, checked by errors.test.ts.
 */
export const errorTable = {
  // Topics and partitions
  'unknown-topic': { retriable: true, message: 'There is no such topic or partition.' },
  'unknown-topic-id': { retriable: true, message: 'No topic has this id.' },
  'inconsistent-topic-id': { retriable: true, message: 'The topic name belongs to a topic with another id.' },
  'topic-exists': { retriable: false, message: 'A topic of this name exists already.' },
  'invalid-topic-name': { retriable: false, message: 'The topic name is not valid.' },
  'invalid-partition-count': { retriable: false, message: 'The number of partitions is not valid.' },
  'invalid-replication-factor': { retriable: false, message: 'The replication factor cannot be met.' },
  'invalid-replica-assignment': { retriable: false, message: 'The replica assignment is not valid.' },
  'invalid-config': { retriable: false, message: 'The configuration is not valid.' },
  'policy-violation': { retriable: false, message: 'The request goes against a rule of this broker.' },
  'not-leader': { retriable: true, message: 'This broker does not lead the partition.' },
  'leader-not-available': { retriable: true, message: 'The partition has no leader at present.' },
  'fenced-leader-epoch': { retriable: true, message: 'The leader epoch is older than the one in force.' },
  'unknown-leader-epoch': { retriable: true, message: 'The leader epoch is newer than the one known here.' },
  'not-enough-replicas': { retriable: true, message: 'Fewer replicas are in sync than min.insync.replicas asks for.' },
  // The cluster
  'not-controller': { retriable: true, message: 'There is no controller at present that could do it.' },
  'broker-unreachable': { retriable: true, message: 'Another broker cannot be reached, or did not answer.' },
  'authentication-failed': { retriable: false, message: 'The peer has not proved who it is.' },
  'unsupported-mechanism': { retriable: false, message: 'There is no such SASL mechanism.' },
  'unacceptable-credential': { retriable: false, message: 'The user name or the credential cannot be taken.' },
  'credential-not-found': { retriable: false, message: 'The user has no such credential.' },
  'duplicate-resource': { retriable: false, message: 'The same thing is named twice in one request.' },
  'topic-not-authorized': { retriable: false, message: 'No rule allows this with the topic.' },
  'group-not-authorized': { retriable: false, message: 'No rule allows this with the group.' },
  'cluster-not-authorized': { retriable: false, message: 'No rule allows this with the cluster.' },
  'transactional-id-not-authorized': { retriable: false, message: 'No rule allows this with the transactional id.' },
  'security-disabled': {
    retriable: false,
    message: 'This broker has no authorizer: access rules have no effect without authorizer=acl.',
  },
  'election-not-needed': { retriable: true, message: 'The partition has the leader that was asked for.' },
  'preferred-leader-not-available': { retriable: true, message: 'The preferred replica cannot lead at present.' },
  'eligible-leader-not-available': { retriable: true, message: 'No replica can lead at present.' },
  'no-reassignment': { retriable: false, message: 'The partition is not being moved.' },
  // Records
  'corrupt-batch': { retriable: true, message: 'The record batch fails its CRC or has an impossible size.' },
  'invalid-record': { retriable: false, message: 'The record batch breaks a rule of its format or of the topic.' },
  'message-too-large': { retriable: false, message: 'The record batch is larger than max.message.bytes.' },
  'unsupported-format': { retriable: false, message: 'Only record batches of format 2 are stored.' },
  'unsupported-compression': { retriable: false, message: 'The compression codec cannot be used here.' },
  'invalid-timestamp': { retriable: false, message: 'A timestamp lies outside what the topic allows.' },
  'offset-out-of-range': { retriable: false, message: 'The offset is not within the log.' },
  'offset-not-available': { retriable: true, message: 'The offset is not known yet; ask again.' },
  'invalid-required-acks': { retriable: false, message: 'acks must be -1, 0 or 1.' },
  // Producers
  'out-of-order-sequence': { retriable: false, message: 'The sequence number does not follow the last one.' },
  'invalid-producer-epoch': { retriable: false, message: 'A producer with a newer epoch has taken over.' },
  'duplicate-sequence': { retriable: false, message: 'The batch was stored before, too long ago to say where.' },
  'unknown-producer': { retriable: false, message: 'Nothing is known of this producer id.' },
  // Groups
  'coordinator-loading': { retriable: true, message: 'The group coordinator is still loading its state.' },
  'coordinator-not-available': { retriable: true, message: 'The group coordinator is not available.' },
  'not-coordinator': { retriable: true, message: 'This broker does not coordinate the group.' },
  'invalid-group-id': { retriable: false, message: 'The group id is not valid.' },
  'group-not-found': { retriable: false, message: 'There is no such group.' },
  'group-not-empty': { retriable: false, message: 'The group has members.' },
  'group-subscribed': { retriable: false, message: 'Members of the group subscribe to the topic.' },
  'group-full': { retriable: false, message: 'The group has group.max.size members already.' },
  'unknown-member': { retriable: false, message: 'The group has no such member.' },
  'member-id-required': { retriable: true, message: 'Join again with the member id given.' },
  'fenced-member-epoch': { retriable: false, message: 'The member has fallen behind its group; it must join again.' },
  'fenced-instance-id': { retriable: false, message: 'Another member uses this group.instance.id.' },
  'illegal-generation': { retriable: false, message: 'The generation is not the present one.' },
  'inconsistent-protocol': { retriable: false, message: 'No assignment protocol is common to all members.' },
  'invalid-session-timeout': { retriable: false, message: 'The session time-out is not within the limits.' },
  'rebalance-in-progress': { retriable: true, message: 'The group is rebalancing; join again.' },
  'offset-metadata-too-large': { retriable: false, message: 'The metadata of a committed offset is too long.' },
  // Work queues
  'invalid-record-state': { retriable: false, message: 'The member does not hold the message (any more).' },
  'fenced-state-epoch': { retriable: false, message: "The group's progress was set anew meanwhile." },
  // Requests and the broker
  'invalid-request': { retriable: false, message: 'The request is malformed or contradicts itself.' },
  'unsupported-version': { retriable: false, message: 'This feature or version is not supported.' },
  'timed-out': { retriable: true, message: 'The request was not finished in time.' },
  storage: { retriable: true, message: 'The disk failed or is full; see the log of the broker.' },
  stopping: { retriable: true, message: 'The broker is shutting down.' },
  'limit-exceeded': { retriable: false, message: 'A limit of this broker would be exceeded.' },
} as const

export type ErrorCode = keyof typeof errorTable

/** An expected failure: `code` for programs, `message` for people. Not for broken invariants (see `assert`). */
export class BrokerError extends Error {
  readonly code: ErrorCode

  /** `detail` says what exactly is wrong and, where it can, what to do; without it the general text of the code is used. */
  constructor(code: ErrorCode, detail?: string, options?: ErrorOptions) {
    super(detail ?? errorTable[code].message, options)
    this.name = 'BrokerError'
    this.code = code
  }

  get retriable(): boolean {
    return errorTable[this.code].retriable
  }
}

/** Crashes on a broken invariant. Kept on in production: going on with a wrong state would cost data. */
export function assert(condition: boolean, message: string): asserts condition {
  if (!condition) throw new Error(`invariant broken: ${message}`)
}
