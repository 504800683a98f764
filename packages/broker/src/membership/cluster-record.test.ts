import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { BrokerError } from '../errors/errors.ts'
import { clusterKey } from '../image/keys.ts'
import { ensureCluster } from './cluster-record.ts'
import { MembershipWorld } from './membership.fixture.ts'

function refusal(pattern: RegExp): (error: unknown) => boolean {
  return (error) => error instanceof BrokerError && error.code === 'invalid-config' && pattern.test(error.message)
}

describe('ensureCluster', () => {
  it('makes the record once, and tells it to everybody after', async () => {
    const world = await new MembershipWorld().begin()
    const { random } = world.scheduler
    const fresh = { clusterId: undefined, mayFound: false }
    const [one, two] = await world.complete(
      Promise.all([ensureCluster(world.store, random, fresh), ensureCluster(world.store, random, fresh)]),
    )
    assert.deepEqual(one, two)
    assert.match(one.id, /^[A-Za-z0-9_-]{22}$/)
    assert.match(one.secret, /^[0-9a-f]{64}$/)
    assert.deepEqual(await world.complete(ensureCluster(world.store, random, { ...fresh, clusterId: one.id })), one)
  })

  it('takes over the id of a directory that the store is part of', async () => {
    const world = await new MembershipWorld().begin()
    const known = { clusterId: 'cluster-of-old', mayFound: true }
    const cluster = await world.complete(ensureCluster(world.store, world.scheduler.random, known))
    assert.equal(cluster.id, 'cluster-of-old')
  })

  it('refuses a directory of another cluster, naming both', async () => {
    const world = await new MembershipWorld().begin()
    const { random } = world.scheduler
    const { id } = await world.complete(ensureCluster(world.store, random, { clusterId: undefined, mayFound: true }))
    const known = { clusterId: 'another', mayFound: true }
    const attempt = world.complete(ensureCluster(world.store, random, known))
    await assert.rejects(attempt, refusal(new RegExp(`cluster another, .* cluster ${id}`)))
  })

  it('refuses an empty store to a directory in use, for every log would be taken for a deleted one', async () => {
    const world = await new MembershipWorld().begin()
    const known = { clusterId: 'mine', mayFound: false }
    const attempt = world.complete(ensureCluster(world.store, world.scheduler.random, known))
    await assert.rejects(attempt, refusal(/cluster mine.*holds no cluster at all.*prefix/))
    assert.equal(await world.complete(world.store.get(clusterKey)), undefined)
  })

  it('refuses a key that somebody else wrote', async () => {
    const world = await new MembershipWorld().begin()
    await world.complete(world.store.transaction({ then: [{ kind: 'put', key: clusterKey, value: '{"id":7}' }] }))
    const known = { clusterId: undefined, mayFound: true }
    const attempt = world.complete(ensureCluster(world.store, world.scheduler.random, known))
    await assert.rejects(attempt, refusal(/no Polylog broker has written/))
  })
})
