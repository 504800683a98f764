import type { Infer } from '../schema/schema.ts'
import { array, int16, int32, int64, int64Max, int8, message, records, string, struct, uuid } from '../schema/schema.ts'

/**
 * Reads record batches: consumers and follower replicas alike. Version 7 brings sessions (KIP-227), 12 truncation by
 * epoch (KIP-595), 13 topic ids.
 */
export const FetchRequest = message(
  'FetchRequest',
  { apiKey: 1, versions: [4, 18], flexible: 12 },
  {
    /** Stated by KRaft replicas; consumers leave it null. */
    clusterId: string.tagged(0, 12).nullable().default(null).ignorable(),
    /** Broker id of a follower, -1 for a consumer. */
    replicaId: int32.until(14).default(-1),
    /** Takes the place of `replicaId`; the epoch exposes a follower that restarted (KIP-903). */
    replicaState: struct({
      replicaId: int32.default(-1),
      replicaEpoch: int64.default(-1),
    }).tagged(1, 15),
    maxWaitMs: int32,
    /** The broker holds the answer until it has this much, or `maxWaitMs` have passed. */
    minBytes: int32,
    /** Soft limit: the first batch is returned whatever its size (KIP-74). */
    maxBytes: int32.default(2 ** 31 - 1).ignorable(),
    /** 0: read uncommitted, 1: read committed. */
    isolationLevel: int8.ignorable(),
    sessionId: int32.since(7).ignorable(),
    /** 0 opens a session with a full fetch, -1 closes it or does without, anything else is incremental. */
    sessionEpoch: int32.since(7).default(-1).ignorable(),
    /** Partitions are served in this order. */
    topics: array(
      struct({
        topic: string.until(12).ignorable(),
        topicId: uuid.since(13).ignorable(),
        partitions: array(
          struct({
            partition: int32,
            /** The epoch the client believes in; -1 skips the check. */
            currentLeaderEpoch: int32.since(9).default(-1).ignorable(),
            fetchOffset: int64,
            /** Epoch of the record before `fetchOffset`, so that the leader can name a divergence; -1 if none. */
            lastFetchedEpoch: int32.since(12).default(-1),
            /** Used by followers only. */
            logStartOffset: int64.since(5).default(-1).ignorable(),
            partitionMaxBytes: int32,
            /** Log directory of a KRaft voter (KIP-853). */
            replicaDirectoryId: uuid.tagged(0, 17).ignorable(),
            /** The fetcher's high watermark (KIP-1166): -1 unknown, the largest int64 if it does not take part. */
            highWatermark: int64.tagged(1, 18).default(int64Max).ignorable(),
          }),
        ),
      }),
    ),
    /** Partitions to drop from the session. */
    forgottenTopicsData: array(
      struct({
        topic: string.until(12).ignorable(),
        topicId: uuid.since(13).ignorable(),
        partitions: array(int32),
      }),
    ).since(7),
    /** Rack of the consumer, to be served by a near replica (KIP-392). */
    rackId: string.since(11).ignorable(),
  },
)
export type FetchRequest = Infer<typeof FetchRequest>

/** Record batches, the first of which may begin before the asked offset or exceed the asked size. */
export const FetchResponse = message(
  'FetchResponse',
  { apiKey: 1, versions: [4, 18], flexible: 12 },
  {
    throttleTimeMs: int32.ignorable(),
    /** An error of the session as a whole. */
    errorCode: int16.since(7).ignorable(),
    /** 0 when the broker opened no session. */
    sessionId: int32.since(7),
    responses: array(
      struct({
        topic: string.until(12).ignorable(),
        topicId: uuid.since(13).ignorable(),
        partitions: array(
          struct({
            partitionIndex: int32,
            errorCode: int16,
            highWatermark: int64,
            /** First offset that an open transaction may still change; -1 if not asked for. */
            lastStableOffset: int64.default(-1).ignorable(),
            logStartOffset: int64.since(5).default(-1).ignorable(),
            /** Largest epoch and its end from which the follower must truncate. */
            divergingEpoch: struct({
              epoch: int32.default(-1),
              endOffset: int64.default(-1),
            }).tagged(0, 12),
            /** The new leader, sent with NOT_LEADER_OR_FOLLOWER and FENCED_LEADER_EPOCH. */
            currentLeader: struct({
              leaderId: int32.default(-1),
              leaderEpoch: int32.default(-1),
            }).tagged(1, 12),
            /** KRaft only: the snapshot to fetch instead. */
            snapshotId: struct({
              endOffset: int64.default(-1),
              epoch: int32.default(-1),
            }).tagged(2, 12),
            /** Transactions whose records a read-committed consumer must skip. */
            abortedTransactions: array(
              struct({
                producerId: int64,
                firstOffset: int64,
              }),
            )
              .nullable()
              .ignorable(),
            /** The follower to fetch from next time (KIP-392), -1 for the leader. */
            preferredReadReplica: int32.since(11).default(-1),
            /** Record batches, back to back. */
            records: records.nullable(),
          }),
        ),
      }),
    ),
    /** Addresses of the leaders named in `currentLeader` (KIP-951). */
    nodeEndpoints: array(
      struct({
        nodeId: int32,
        host: string,
        port: int32,
        rack: string.nullable().default(null),
      }),
    ).tagged(0, 16),
  },
)
export type FetchResponse = Infer<typeof FetchResponse>
