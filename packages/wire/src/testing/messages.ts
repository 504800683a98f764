import { apis } from '../kafka/apis.ts'
import { ConsumerProtocolAssignment, ConsumerProtocolSubscription } from '../kafka/stored/consumer-protocol.ts'
import { GroupMetadataKey, GroupMetadataValue } from '../kafka/stored/group-metadata.ts'
import { OffsetCommitKey, OffsetCommitValue } from '../kafka/stored/offset-commit.ts'
import {
  ShareGroupMemberMetadataKey,
  ShareGroupMemberMetadataValue,
  ShareGroupMetadataKey,
  ShareGroupMetadataValue,
  ShareGroupStatePartitionMetadataKey,
  ShareGroupStatePartitionMetadataValue,
} from '../kafka/stored/share-group.ts'
import { ShareSnapshotKey, ShareSnapshotValue, ShareUpdateKey, ShareUpdateValue } from '../kafka/stored/share-state.ts'
import type { Message } from '../schema/schema.ts'

/** Every message of this package, for tests that hold for all of them. */
export const messages: readonly Message<unknown, unknown>[] = [
  ...Object.values(apis).flatMap(({ request, response }): Message<unknown, unknown>[] => [request, response]),
  ConsumerProtocolSubscription,
  ConsumerProtocolAssignment,
  OffsetCommitKey,
  OffsetCommitValue,
  GroupMetadataKey,
  GroupMetadataValue,
  ShareGroupMemberMetadataKey,
  ShareGroupMemberMetadataValue,
  ShareGroupMetadataKey,
  ShareGroupMetadataValue,
  ShareGroupStatePartitionMetadataKey,
  ShareGroupStatePartitionMetadataValue,
  ShareSnapshotKey,
  ShareSnapshotValue,
  ShareUpdateKey,
  ShareUpdateValue,
]

/** Every version of every message. */
export function* messageVersions(): Generator<[message: Message<unknown, unknown>, version: number]> {
  for (const message of messages) {
    for (let version = message.versions[0]; version <= message.versions[1]; version++) yield [message, version]
  }
}
