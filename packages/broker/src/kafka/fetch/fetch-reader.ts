import type { ErrorCode } from '../../errors/errors.ts'
import type { Partition, ReadResult } from '../../topic/partition.ts'
import type { RequestContext } from '../request-context.ts'
import type { FetchEntry } from './fetch-entry.ts'

/** What a partition answers instead of records. */
export type FetchVerdict =
  | { readonly kind: 'fault'; readonly code: ErrorCode }
  /** The fetcher's log has what this one has not. */
  | { readonly kind: 'diverging'; readonly epoch: number; readonly endOffset: number }
  /** Another replica is nearer (KIP-392). */
  | { readonly kind: 'elsewhere'; readonly brokerId: number }
  /** The offset is beyond what this replica has got so far. */
  | { readonly kind: 'not-yet' }

/** How partitions are read for one kind of fetcher. */
export interface FetchReader {
  /** The partitions that may have something to tell now, in the order in which they are served. */
  entries(): readonly FetchEntry[]
  /** The replica to read from, or why there is none. */
  locate(entry: FetchEntry): Partition | ErrorCode
  /** Undefined if records may be read. */
  judge(partition: Partition, entry: FetchEntry): FetchVerdict | undefined
  /** Bytes that could be read now, roughly; infinity if there is something to tell at once. */
  readyBytes(partition: Partition, entry: FetchEntry): number
  /** @throws as `Partition.read` */
  read(partition: Partition, entry: FetchEntry, bytesMax: number, atLeastOne: boolean): ReadResult | Promise<ReadResult>
  /** Nothing new was found in the partition. */
  settle(partition: Partition, entry: FetchEntry): void
  /** Calls `listener` when any of the above may have changed; returns what ends that. */
  listen(listener: () => void): () => void
}

const topicIdsSince = 13

/** The topic that an entry is about; undefined for an id that no topic has. */
export function topicNameOf(entry: FetchEntry, { apiVersion, services }: RequestContext): string | undefined {
  return apiVersion < topicIdsSince ? entry.topic : services.topics.findById(entry.topicId)?.name
}

export function faultOf(code: ErrorCode): FetchVerdict {
  return { kind: 'fault', code }
}

/** Listens to all partitions that can be found, for one request. */
export function listenToEach(
  reader: Pick<FetchReader, 'entries' | 'locate'>,
  listen: (partition: Partition) => () => void,
): () => void {
  const endings: (() => void)[] = []
  for (const entry of reader.entries()) {
    const partition = reader.locate(entry)
    if (typeof partition !== 'string') endings.push(listen(partition))
  }
  return () => {
    for (const end of endings) end()
  }
}
