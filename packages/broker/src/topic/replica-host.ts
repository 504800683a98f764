import type { Partition } from './partition.ts'

/** The replicas on this broker, as topics need them. */
export interface ReplicaHost {
  /** The partition if this broker leads it at present. */
  leader(topicId: string, index: number): Partition | undefined
  /** The partition if this broker follows it: for consumers that were sent here (KIP-392). Refuses to append. */
  follower(topicId: string, index: number): Partition | undefined
  /** All partitions of which there is a replica here, led or followed. */
  replicas(): Iterable<Partition>
}
