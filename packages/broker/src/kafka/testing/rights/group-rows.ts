import { apis } from '@polylog/wire'
import { cluster, group, names, row, topic, transaction } from './right.ts'
import type { RightsRow, World } from './right.ts'

const groupId = names.group
const member = { groupId, memberId: 'nobody', generationId: 1 }

/** A topic as commits and their like name it. */
function topicOf(version: number, { topicId }: World) {
  return version < 10 ? { name: names.topic } : { topicId }
}

/** Consumer groups. */
export const groupRows: readonly RightsRow[] = [
  row(apis[8], {
    title: 'offsets',
    request: (version, world) => ({
      groupId,
      memberId: '',
      topics: [
        {
          ...topicOf(version, world),
          partitions: [{ partitionIndex: 0, committedOffset: 1, committedMetadata: null }],
        },
      ],
    }),
    ways: [[group('read'), topic('read')]],
  }),
  row(
    apis[9],
    {
      title: 'offsets of some topics',
      request: (version, world) =>
        version < 8
          ? { groupId, topics: [{ name: names.topic, partitionIndexes: [0] }] }
          : { groups: [{ groupId, topics: [{ ...topicOf(version, world), partitionIndexes: [0] }] }] },
      ways: [[group('describe'), topic('describe')]],
    },
    {
      title: 'offsets of all topics',
      versions: [2, 9],
      request: (version) => (version < 8 ? { groupId, topics: null } : { groups: [{ groupId, topics: null }] }),
      ways: [[group('describe'), topic('describe', names.topic)]],
    },
  ),
  row(
    apis[10],
    {
      title: 'the coordinator of a group',
      request: (version) => (version < 4 ? { key: groupId } : { keyType: 0, coordinatorKeys: [groupId] }),
      ways: [[group('describe')]],
    },
    {
      title: 'the coordinator of transactions',
      versions: [1, apis[10].versions[1]],
      request: (version) =>
        version < 4
          ? { key: names.transactionalId, keyType: 1 }
          : { keyType: 1, coordinatorKeys: [names.transactionalId] },
      ways: [[transaction('describe')]],
    },
  ),
  row(apis[11], {
    title: 'entry into a group',
    request: () => ({
      groupId,
      sessionTimeoutMs: 10_000,
      // No id that the coordinator has given: it answers at once.
      memberId: 'nobody',
      protocolType: 'consumer',
      protocols: [{ name: 'range', metadata: Buffer.alloc(0) }],
    }),
    ways: [[group('read')]],
  }),
  row(apis[12], { title: 'a heartbeat', request: () => member, ways: [[group('read')]] }),
  row(apis[13], {
    title: 'departure',
    request: (version) =>
      version < 3 ? { groupId, memberId: 'nobody' } : { groupId, members: [{ memberId: 'nobody' }] },
    ways: [[group('read')]],
  }),
  row(apis[14], { title: 'an assignment', request: () => ({ ...member, assignments: [] }), ways: [[group('read')]] }),
  row(apis[15], { title: 'members', request: () => ({ groups: [groupId] }), ways: [[group('describe')]] }),
  row(apis[16], {
    title: 'all groups',
    request: () => ({}),
    ways: [[group('describe', groupId)], [cluster('describe', groupId)]],
  }),
  row(apis[42], { title: 'groups', request: () => ({ groupsNames: [groupId] }), ways: [[group('delete')]] }),
  row(apis[47], {
    title: 'committed offsets',
    request: () => ({ groupId, topics: [{ name: names.topic, partitions: [{ partitionIndex: 0 }] }] }),
    ways: [[group('delete'), topic('read')]],
  }),
]
