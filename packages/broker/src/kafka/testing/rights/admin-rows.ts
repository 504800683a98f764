import { apis } from '@polylog/wire'
import { cluster, free, freshTopic, group, names, row, topic } from './right.ts'
import type { RightsRow } from './right.ts'

const topicResource = 2
const brokerResource = 4
const newTopic = { name: names.fresh, numPartitions: 1, replicationFactor: 1, assignments: [], configs: [] }
const acl = {
  resourceType: topicResource,
  resourceName: names.topic,
  principal: 'User:alice',
  host: '*',
  operation: 3,
  permissionType: 3,
}
const aclFilter = {
  resourceTypeFilter: topicResource,
  resourceNameFilter: null,
  principalFilter: null,
  hostFilter: null,
  operation: 1,
  permissionType: 1,
}
const timeoutMs = 5000

/** Operators, and whoever has not logged in yet. */
export const adminRows: readonly RightsRow[] = [
  free(apis[17], 'how to log in'),
  free(apis[18], 'which APIs there are'),
  free(apis[36], 'the login itself'),
  row(
    apis[19],
    {
      title: 'topics',
      request: () => ({ topics: [newTopic], timeoutMs }),
      ways: [[cluster('create')], [freshTopic('create')]],
      refusedAs: 'topic',
    },
    {
      title: 'topics, and a look at their settings',
      versions: [5, apis[19].versions[1]],
      request: () => ({ topics: [newTopic], timeoutMs }),
      ways: [[freshTopic('create'), freshTopic('describe-configs', 'retention.ms')]],
    },
  ),
  row(
    apis[20],
    {
      title: 'topics by name',
      request: (version) =>
        version < 6 ? { topicNames: [names.topic], timeoutMs } : { topics: [{ name: names.topic }], timeoutMs },
      ways: [[topic('delete')]],
    },
    {
      title: 'topics by id',
      versions: [6, apis[20].versions[1]],
      request: (_version, { topicId }) => ({ topics: [{ name: null, topicId }], timeoutMs }),
      ways: [[topic('delete'), topic('describe')]],
    },
  ),
  row(apis[29], { title: 'access rules', request: () => aclFilter, ways: [[cluster('describe')]] }),
  row(apis[30], { title: 'access rules', request: () => ({ creations: [acl] }), ways: [[cluster('alter')]] }),
  row(apis[31], { title: 'access rules', request: () => ({ filters: [aclFilter] }), ways: [[cluster('alter')]] }),
  row(
    apis[32],
    {
      title: 'settings of a topic',
      request: () => ({
        resources: [{ resourceType: topicResource, resourceName: names.topic, configurationKeys: null }],
      }),
      ways: [[topic('describe-configs')]],
    },
    {
      title: 'settings of the broker',
      request: () => ({ resources: [{ resourceType: brokerResource, resourceName: '1', configurationKeys: null }] }),
      ways: [[cluster('describe-configs')]],
    },
  ),
  row(
    apis[33],
    {
      title: 'settings of a topic',
      request: () => ({
        resources: [
          {
            resourceType: topicResource,
            resourceName: names.topic,
            configs: [{ name: 'retention.ms', value: '1000' }],
          },
        ],
        validateOnly: false,
      }),
      ways: [[topic('alter-configs')]],
    },
    {
      title: 'settings of the broker',
      request: () => ({
        resources: [{ resourceType: brokerResource, resourceName: '1', configs: [] }],
        validateOnly: false,
      }),
      ways: [[cluster('alter-configs')]],
    },
  ),
  row(
    apis[35],
    {
      title: 'sizes on the disk',
      versions: [3, apis[35].versions[1]],
      request: () => ({ topics: null }),
      ways: [[cluster('describe')]],
    },
    {
      title: 'the same before version 3, whose answer has no error of the whole',
      versions: [1, 2],
      request: () => ({ topics: null }),
      ways: [[cluster('describe', names.topic)]],
    },
  ),
  row(apis[37], {
    title: 'more partitions',
    request: () => ({ topics: [{ name: names.topic, count: 7, assignments: null }], timeoutMs, validateOnly: false }),
    ways: [[topic('alter')]],
  }),
  row(apis[43], {
    title: 'other leaders',
    request: () => ({ topicPartitions: [{ topic: names.topic, partitions: [0] }], timeoutMs }),
    ways: [[cluster('alter')]],
  }),
  row(
    apis[44],
    {
      title: 'settings of a topic',
      request: () => ({
        resources: [
          {
            resourceType: topicResource,
            resourceName: names.topic,
            configs: [{ name: 'retention.ms', configOperation: 0, value: '2000' }],
          },
        ],
        validateOnly: false,
      }),
      ways: [[topic('alter-configs')]],
    },
    {
      title: 'settings of the broker',
      request: () => ({
        resources: [{ resourceType: brokerResource, resourceName: '1', configs: [] }],
        validateOnly: false,
      }),
      ways: [[cluster('alter-configs')]],
    },
    {
      title: 'settings of a group',
      request: () => ({
        resources: [{ resourceType: 32, resourceName: names.group, configs: [] }],
        validateOnly: false,
      }),
      ways: [[group('alter-configs')]],
    },
  ),
  row(apis[45], {
    title: 'other replicas',
    request: () => ({
      topics: [{ name: names.topic, partitions: [{ partitionIndex: 0, replicas: [1] }] }],
      timeoutMs,
    }),
    ways: [[cluster('alter')]],
  }),
  row(apis[46], { title: 'moves under way', request: () => ({ topics: null }), ways: [[cluster('describe')]] }),
  row(apis[50], { title: 'users', request: () => ({ users: null }), ways: [[cluster('describe')]] }),
  row(apis[51], {
    title: 'users',
    request: () => ({
      deletions: [],
      upsertions: [
        {
          name: 'alice',
          mechanism: 1,
          iterations: 4096,
          salt: Buffer.alloc(16, 1),
          saltedPassword: Buffer.alloc(32, 2),
        },
      ],
    }),
    ways: [[cluster('alter')]],
  }),
  free(apis[60], 'which brokers there are, as any client must know'),
]
