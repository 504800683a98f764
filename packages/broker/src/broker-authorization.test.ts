import assert from 'node:assert/strict'
import { describe, it } from 'node:test'
import { setImmediate } from 'node:timers/promises'
import { Cluster, createAcls, createTopic } from '@polylog/client/admin'
import type { AclOperation } from '@polylog/client/admin'
import type { Authorizer } from './auth/authorizer.ts'
import { formatAddress } from './config/address.ts'
import { passwordAuthenticator, startBroker } from './mod.ts'
import type { Broker } from './mod.ts'

const anyPort = { host: '127.0.0.1', port: 0 }

async function ask(broker: Broker, path: string, options: RequestInit = {}): Promise<number> {
  const response = await fetch(`http://${formatAddress(broker.http!)}${path}`, options)
  await response.arrayBuffer()
  return response.status
}

const change = {
  method: 'PUT',
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify({ pattern: '^x', priority: 0, applyTo: 'all', definition: { 'ha-mode': 'all' } }),
}

function basic(name: string): { headers: Record<string, string> } {
  return { headers: { ...change.headers, authorization: `Basic ${btoa(`${name}:secret`)}` } }
}

describe('access rules over HTTP', () => {
  it('hold for everybody where nobody need log in', async () => {
    await using broker = await startBroker({
      authorizerKind: 'acl',
      httpAddress: anyPort,
      offsetsPartitionCount: 1,
    })
    const { metadata, image } = broker
    const allow = async (operation: AclOperation): Promise<void> => {
      const what = { resourceType: 'cluster', resourceName: 'kafka-cluster', patternType: 'literal' } as const
      const rule = { ...what, principal: 'User:ANONYMOUS', host: '127.0.0.1', operation, permission: 'allow' }
      const key = `/acls/cluster/literal/kafka-cluster/${operation}`
      await metadata.transaction({ then: [{ kind: 'put', key, value: JSON.stringify(rule) }] })
      while (!image.acls.has(key)) await setImmediate()
    }
    assert.equal(await ask(broker, '/health/live'), 200)
    assert.equal(await ask(broker, '/metrics'), 200)
    assert.equal(await ask(broker, '/api/cluster'), 403)
    await allow('describe')
    assert.equal(await ask(broker, '/api/cluster'), 200)
    assert.equal(await ask(broker, '/api/policies/p', change), 403)
    await allow('alter')
    assert.ok((await ask(broker, '/api/policies/p', change)) < 300)
    // The rules are no way around the guard of the port.
    const foreign = { ...change, headers: { ...change.headers, origin: 'http://evil.example' } }
    assert.equal(await ask(broker, '/api/policies/p', foreign), 403)
  })

  it('are those of the user who has logged in', async () => {
    await using broker = await startBroker({
      authenticator: passwordAuthenticator((_name, password) => password === 'secret'),
      authorizerKind: 'acl',
      superUsers: 'User:admin',
      httpAddress: anyPort,
      offsetsPartitionCount: 1,
    })
    assert.equal(await ask(broker, '/api/cluster'), 401)
    assert.equal(await ask(broker, '/api/cluster', basic('alice')), 403)
    assert.equal(await ask(broker, '/api/cluster', basic('admin')), 200)
    assert.equal(await ask(broker, '/api/policies/p', { ...change, ...basic('alice') }), 403)
    assert.ok((await ask(broker, '/api/policies/p', { ...change, ...basic('admin') })) < 300)
  })
})

describe('startBroker({ authorizer })', () => {
  it('asks that one, and has no access rules', async () => {
    const asked: string[] = []
    const authorizer: Authorizer = {
      isAllowed(principal, host, operation, resource) {
        asked.push([principal.name, host, operation, resource.type, resource.name].join(' '))
        return resource.name === 'mine'
      },
      isAllowedSomewhere: () => false,
    }
    await using broker = await startBroker({ authorizer, authorizerKind: 'acl', offsetsPartitionCount: 1 })
    await using cluster = new Cluster({ brokers: formatAddress(broker.kafka) })
    await createTopic(cluster, { name: 'mine' })
    await assert.rejects(createTopic(cluster, { name: 'yours' }), { errorName: 'TOPIC_AUTHORIZATION_FAILED' })
    assert.ok(asked.includes('ANONYMOUS 127.0.0.1 create topic yours'), asked.join('\n'))
    assert.deepEqual([...broker.topics.list()].map(({ name }) => name).toSorted(), ['__consumer_offsets', 'mine'])
    const what = { resourceType: 'topic', resourceName: 'mine', patternType: 'literal' } as const
    const rule = { ...what, principal: 'User:a', host: '*', operation: 'read', permission: 'allow' } as const
    await assert.rejects(createAcls(cluster, [rule]), { errorName: 'CLUSTER_AUTHORIZATION_FAILED' })
  })
})
