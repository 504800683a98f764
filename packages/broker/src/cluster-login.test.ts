/** Logins on a real cluster: one set of users, brokers that need none. */
import { deepEqual, equal, rejects } from 'node:assert/strict'
import { describe, it } from 'node:test'
import { Cluster, createTopic, listUsers, RecordProducer, removeUser, setPassword } from '@polylog/client/admin'
import type { Credentials } from '@polylog/client/admin'
import { deriveOnPool } from './auth/derive-key.ts'
import { credentialOf } from './auth/scram-keys.ts'
import { InProcessCluster } from './cluster.fixture.ts'
import { compareAndSet } from './cluster/compare-and-set.ts'
import { userKey } from './image/keys.ts'
import { encodeUser } from './image/user.ts'

const root: Credentials = { user: 'root', password: 'first' }

/** A password cannot come in without a login, so the first one is put where brokers look. */
async function opened(count: number): Promise<InProcessCluster> {
  const cluster = await InProcessCluster.open(count, {
    saslMechanisms: ['SCRAM-SHA-256'],
    sessionTimeoutMs: 10_000,
    authenticationFailureDelayMs: 1,
  })
  const [mechanism, salt, iterations] = ['SCRAM-SHA-256', Buffer.from('salt'), 4096] as const
  const salted = await deriveOnPool(mechanism, Buffer.from(root.password), salt, iterations)
  const credentials = new Map([[mechanism, credentialOf(mechanism, salted, { salt, iterations })]])
  await compareAndSet(cluster.store, userKey(root.user), 0, encodeUser(credentials))
  return cluster
}

describe('a cluster whose clients must log in', () => {
  it('has one set of users, and its brokers replicate without being among them', async () => {
    await using cluster = await opened(3)
    await cluster.start()
    await using clients = new Cluster({ brokers: cluster.addresses, credentials: root })
    await createTopic(clients, { name: 'orders', partitionCount: 1, replicationFactor: 3 })
    const acknowledgedByAll = new RecordProducer(clients)
    for (let index = 0; index < 20; index++) await acknowledgedByAll.send('orders', [{ value: String(index) }])
    await cluster.until('all replicas are in sync', () => {
      return cluster.someone.broker.topics.find('orders')!.partitions[0]!.inSyncReplicas.length === 3
    })

    await using at1 = new Cluster({ brokers: cluster.member(1).address, credentials: root })
    await setPassword(at1, { user: 'ann', password: 'x', mechanisms: ['SCRAM-SHA-256'] })
    await cluster.until('each broker knows the user', () =>
      cluster.members.every(({ broker }) => broker.image.users.has('ann')),
    )
    for (const member of cluster.members) {
      await using ann = new Cluster({ brokers: member.address, credentials: { user: 'ann', password: 'x' } })
      equal((await ann.describe([])).brokers.length, 3)
      await using wrong = new Cluster({ brokers: member.address, credentials: { user: 'ann', password: 'y' } })
      await rejects(wrong.describe([]), { code: 'authentication-failed' })
      await using nobody = new Cluster({ brokers: member.address })
      await rejects(nobody.describe([]), { code: 'unreachable' })
    }
  })

  it('disconnects a user who is removed, at every broker, and keeps users over a restart', async () => {
    await using cluster = await opened(2)
    await cluster.start()
    await using at1 = new Cluster({ brokers: cluster.member(1).address, credentials: root })
    await setPassword(at1, { user: 'ann', password: 'x' })
    await setPassword(at1, { user: 'bob', password: 'x' })
    await cluster.until('the other broker knows the user', () => cluster.member(2).broker.image.users.has('ann'))
    const lost: string[] = []
    await using ann = new Cluster({
      brokers: cluster.member(2).address,
      credentials: { user: 'ann', password: 'x' },
      onConnection: ({ type }) => void lost.push(type),
    })
    await ann.describe([])
    await removeUser(at1, 'ann')
    await cluster.until('the connection is gone', () => lost.includes('disconnected'))
    await rejects(ann.describe([]), { code: 'authentication-failed' })
    await cluster.member(2).stop()
    await cluster.member(2).start()
    await using at2 = new Cluster({ brokers: cluster.member(2).address, credentials: root })
    deepEqual(
      (await listUsers(at2)).map(({ name }) => name),
      ['bob', 'root'],
    )
  })
})
