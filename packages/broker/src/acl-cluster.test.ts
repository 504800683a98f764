import { deepEqual, equal, rejects } from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Cluster, createAcls, createTopic, deleteAcls, Fetcher, listAcls, RecordProducer } from '@polylog/client/admin'
import type { AclRule } from '@polylog/client/admin'
import { InProcessCluster } from './cluster.fixture.ts'
import { encodeAcl } from './image/acl.ts'
import { aclKey } from './image/keys.ts'

const anonymous = { principal: 'User:ANONYMOUS', host: '*', permission: 'allow' } as const

function topicRule(operation: AclRule['operation']): AclRule {
  return { ...anonymous, resourceType: 'topic', resourceName: 'orders', patternType: 'prefixed', operation }
}

const admin: AclRule = {
  ...anonymous,
  resourceType: 'cluster',
  resourceName: 'kafka-cluster',
  patternType: 'literal',
  operation: 'alter',
}

async function readFirst(brokers: string): Promise<string> {
  await using clients = new Cluster({ brokers })
  const fetcher = new Fetcher(clients, { waitMs: 100 })
  fetcher.seek({ topic: 'orders', partition: 0 }, 0)
  for (;;) {
    const [first] = await fetcher.poll()
    if (first !== undefined) return Buffer.from(first.value!).toString()
  }
}

describe('access rules in a cluster', () => {
  it('made at one broker hold at all, and are nothing to brokers among themselves', async () => {
    await using cluster = await InProcessCluster.open(2, {
      authorizerKind: 'acl',
      autoCreateTopics: false,
      sessionTimeoutMs: 30_000,
    })
    await cluster.start()
    await cluster.store.transaction({ then: [{ kind: 'put', key: aclKey(admin), value: encodeAcl(admin) }] })
    const [one, two] = cluster.members.map(({ broker }) => broker)
    await cluster.until('both know the first rule', () => [one!, two!].every(({ image }) => image.acls.size === 1))
    await using clients = new Cluster({ brokers: cluster.addresses })
    const topic = { name: 'orders', partitionCount: 1, replicationFactor: 2 }
    await rejects(createTopic(clients, topic), { errorName: 'TOPIC_AUTHORIZATION_FAILED' })

    await using here = new Cluster({ brokers: cluster.member(1).address })
    const operations = ['create', 'read', 'write'] as const
    await createAcls(here, operations.map(topicRule))
    await cluster.until('the other knows them', () => two!.image.acls.size === 4)
    await createTopic(clients, { ...topic, configs: new Map([['min.insync.replicas', '2']]) })
    // Acknowledged by both: the follower fetches without any rule.
    const producer = new RecordProducer(clients)
    await producer.send('orders', [{ key: 'k', value: 'first' }])
    equal(await readFirst(cluster.addresses), 'first')
    const { inSyncReplicas } = one!.topics.find('orders')!.partitions[0]!
    deepEqual(
      [...inSyncReplicas].toSorted((a, b) => a - b),
      [1, 2],
    )

    const gone = await deleteAcls(here, { operation: 'write' })
    deepEqual(gone, [topicRule('write')])
    await cluster.until('the other forgets it', () => two!.image.acls.size === 3)
    await rejects(producer.send('orders', [{ key: 'k', value: 'second' }]), {
      errorName: 'TOPIC_AUTHORIZATION_FAILED',
    })
    // A new one is not even given an id, as there is no topic that it may write to.
    await rejects(new RecordProducer(clients).send('orders', [{ key: 'k', value: 'third' }]), {
      errorName: 'CLUSTER_AUTHORIZATION_FAILED',
    })
    await using there = new Cluster({ brokers: cluster.member(2).address })
    // Who may alter the cluster may describe it.
    equal((await listAcls(there, { resourceName: 'orders-eu', patternType: 'match' })).length, 2)
  })
})
