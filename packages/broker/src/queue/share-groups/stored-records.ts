import {
  decode,
  encode,
  Reader,
  ShareGroupMemberMetadataKey,
  ShareGroupMemberMetadataValue,
  ShareGroupMetadataKey,
  ShareGroupMetadataValue,
  ShareGroupStatePartitionMetadataKey,
  ShareGroupStatePartitionMetadataValue,
  WireError,
  Writer,
} from '@polylog/wire'
import type { Message } from '@polylog/wire'
import type { GroupRecord } from '../../group/group-log.ts'
import type { GroupTopic } from './messages.ts'
import type { ShareGroup, ShareMember } from './share-group.ts'

/** Record types in front of each key, as Kafka has them. */
const memberType = 10
const groupType = 11
const topicsType = 15

/** More than any topic has; a number beyond it would cost memory for nothing. */
const partitionCountMax = 1_000_000

export interface StoredShareMember {
  rackId: string | null
  clientId: string
  clientHost: string
  subscribedTopicNames: readonly string[]
}

export type StoredShareRecord =
  | { kind: 'member'; groupId: string; memberId: string; value: StoredShareMember | null }
  | { kind: 'group'; groupId: string; value: { epoch: number } | null }
  | { kind: 'topics'; groupId: string; value: readonly GroupTopic[] | null }

/**
 * Writes share groups into `__consumer_offsets` as Kafka does, except for assignments and member epochs: those are made
 * anew by the next coordinator, and a member that is heard of goes on where it was.
 */
export class ShareRecordWriter {
  readonly #writer = new Writer()

  group({ id, epoch }: ShareGroup): GroupRecord {
    const key = this.#encode(groupType, ShareGroupMetadataKey, { groupId: id })
    return { key, value: this.#encode(0, ShareGroupMetadataValue, { epoch, metadataHash: 0 }) }
  }

  member({ id: groupId }: ShareGroup, member: ShareMember): GroupRecord {
    const { rackId, clientId, clientHost, subscribedTopicNames } = member
    const fields = { rackId, clientId, clientHost, subscribedTopicNames }
    return {
      key: this.#encode(memberType, ShareGroupMemberMetadataKey, { groupId, memberId: member.id }),
      value: this.#encode(0, ShareGroupMemberMetadataValue, fields),
    }
  }

  topics({ id: groupId, topics }: ShareGroup): GroupRecord {
    const initializedTopics = Array.from(topics.values(), ({ topicId, topicName, partitionCount }) => ({
      topicId,
      topicName,
      partitions: Array.from({ length: partitionCount }, (_, index) => index),
    }))
    const fields = { initializingTopics: [], initializedTopics, deletingTopics: [] }
    return {
      key: this.#encode(topicsType, ShareGroupStatePartitionMetadataKey, { groupId }),
      value: this.#encode(0, ShareGroupStatePartitionMetadataValue, fields),
    }
  }

  memberTombstone(groupId: string, memberId: string): GroupRecord {
    return { key: this.#encode(memberType, ShareGroupMemberMetadataKey, { groupId, memberId }), value: null }
  }

  /** All that there is of a group without members. */
  groupTombstones(groupId: string): GroupRecord[] {
    return [
      { key: this.#encode(topicsType, ShareGroupStatePartitionMetadataKey, { groupId }), value: null },
      { key: this.#encode(groupType, ShareGroupMetadataKey, { groupId }), value: null },
    ]
  }

  #encode<Output, Input>(prefix: number, message: Message<Output, Input>, value: Input): Uint8Array {
    this.#writer.discard()
    this.#writer.int16(prefix)
    encode(message, 0, value, this.#writer)
    return this.#writer.concat()
  }
}

/** Reads a record; undefined if it is about something else. Throws WireError on one that is malformed. */
export function readShareRecord(key: Uint8Array, value: Uint8Array | null): StoredShareRecord | undefined {
  const reader = new Reader(key)
  switch (reader.int16()) {
    case memberType: {
      const { groupId, memberId } = decode(ShareGroupMemberMetadataKey, 0, reader)
      return { kind: 'member', groupId, memberId, value: readValue(ShareGroupMemberMetadataValue, value) }
    }
    case groupType: {
      const { groupId } = decode(ShareGroupMetadataKey, 0, reader)
      return { kind: 'group', groupId, value: readValue(ShareGroupMetadataValue, value) }
    }
    case topicsType: {
      const { groupId } = decode(ShareGroupStatePartitionMetadataKey, 0, reader)
      return { kind: 'topics', groupId, value: readTopics(value) }
    }
    default:
      return undefined
  }
}

function readTopics(bytes: Uint8Array | null): readonly GroupTopic[] | null {
  const value = readValue(ShareGroupStatePartitionMetadataValue, bytes)
  if (value === null) return null
  return [...value.initializingTopics, ...value.initializedTopics].map(({ topicId, topicName, partitions }) => {
    const partitionCount = partitions.reduce((count, partition) => Math.max(count, partition + 1), 0)
    if (partitionCount > partitionCountMax) throw new WireError('stored share group has an impossible partition')
    return { topicId, topicName, partitionCount }
  })
}

/** Later versions may only add tagged fields, which are skipped. */
function readValue<Output>(message: Message<Output, unknown>, bytes: Uint8Array | null): Output | null {
  if (bytes === null) return null
  const reader = new Reader(bytes)
  reader.int16()
  return decode(message, 0, reader)
}
