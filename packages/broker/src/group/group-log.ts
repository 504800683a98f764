/**
 * Where groups keep what must survive: a fixed number of compacted, replicated partitions of key-value records. The
 * coordinator of a group is the leader of the partition that its id hashes to.
 */
export interface GroupLog {
  /** Fixed when the log is first made; 50 by default, as in Kafka. */
  readonly partitionCount: number

  /** Whether this broker leads the partition and may coordinate its groups. */
  leads(partition: number): boolean

  /** Visits every committed record of a partition from its start, in order. A null value is a tombstone. */
  replay(
    partition: number,
    visit: (key: Uint8Array, value: Uint8Array | null, timestampMs: number) => void,
  ): Promise<void>

  /**
   * Appends records to a partition as one batch. Resolves once they are committed, rejects with BrokerError if that
   * fails; then it is not known whether they will be seen by a later replay.
   */
  append(partition: number, records: readonly GroupRecord[]): Promise<void>
}

export interface GroupRecord {
  key: Uint8Array
  value: Uint8Array | null
}
