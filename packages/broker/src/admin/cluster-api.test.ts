import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { after, before, describe, it } from 'node:test'
import { TestCluster } from '../controller/cluster.fixture.ts'
import { effectivePolicy } from '../controller/effective-policy.ts'
import type { HttpRequest, HttpResponse } from '../host/http.ts'
import { answerApi, routes } from './cluster-api.ts'
import type { ClusterSources } from './cluster-sources.ts'
import type { GuardFacts } from './request-guard.ts'

const loopback: GuardFacts = { isLoopback: () => true, isEnabled: false, ownHosts: new Set(['broker.example']) }
const json = { 'content-type': 'application/json', host: '127.0.0.1:15672' }

function request(
  method: string,
  path: string,
  body: unknown = '',
  headers: Record<string, string> = json,
): HttpRequest {
  const text = typeof body === 'string' ? body : JSON.stringify(body)
  return { method, path, query: new Map(), headers: new Map(Object.entries(headers)), body: Buffer.from(text) }
}

function sourcesOf(cluster: TestCluster, brokerId: number): ClusterSources {
  const { image } = cluster
  return {
    clusterId: 'the-cluster',
    brokerId,
    version: '1',
    image,
    cluster: cluster.admin(brokerId),
    partitions: cluster.partitions(brokerId),
    policyOf: (topic) => effectivePolicy(image, topic.name, 'topic')?.policy.name,
    configsOf: (topic) => topic.configs,
    minInsyncReplicasOf: () => 1,
  }
}

function bodyOf({ body }: HttpResponse): Record<string, unknown> {
  return JSON.parse(String(body)) as Record<string, unknown>
}

describe('the API of a cluster', () => {
  let cluster: TestCluster
  before(async () => {
    cluster = await TestCluster.open({ brokers: 3 })
    await cluster.createTopic('orders', { partitions: 3, configs: { 'retention.ms': '5000' } })
    await cluster.createTopic('by-hand', { assignment: [[1]], placement: { kind: 'assigned' } })
    await cluster.settle()
  })
  after(() => cluster.close())

  async function ask(method: string, path: string, body?: unknown): Promise<[number, Record<string, unknown>]> {
    const response = await cluster.drive(answerApi(request(method, path, body), sourcesOf(cluster, 1), loopback))
    assert.equal(response.headers['content-type'], 'application/json; charset=utf-8')
    return [response.status, bodyOf(response)]
  }

  it('shows brokers, controller and how partitions are', async () => {
    const [status, body] = await ask('GET', '/api/cluster')
    assert.equal(status, 200)
    assert.equal(body['clusterId'], 'the-cluster')
    assert.deepEqual(body['answeredBy'], { brokerId: 1, version: '1' })
    assert.ok([1, 2, 3].includes((body['controller'] as { brokerId: number }).brokerId))
    assert.deepEqual(body['partitions'], { total: 4, offline: 0, underReplicated: 0, moving: 0 })
    const brokers = body['brokers'] as Record<string, unknown>[]
    assert.deepEqual(
      brokers.map(({ id, state, draining, address, replicas, inSync }) => [
        id,
        state,
        draining,
        address,
        replicas,
        inSync,
      ]),
      [
        [1, 'serving', false, { host: 'h', port: 1 }, 4, 4],
        [2, 'serving', false, { host: 'h', port: 1 }, 3, 3],
        [3, 'serving', false, { host: 'h', port: 1 }, 3, 3],
      ],
    )
    assert.equal(
      brokers.reduce((sum, { leaders }) => sum + (leaders as number), 0),
      4,
    )
  })

  it('lists topics and shows one, with what a lost broker means for it', async () => {
    const [, { topics }] = await ask('GET', '/api/topics')
    const [first, second] = topics as Record<string, unknown>[]
    assert.deepEqual(
      [first!['name'], second!['name'], second!['partitions'], second!['replicas']],
      ['by-hand', 'orders', 3, 3],
    )
    const [, topic] = await ask('GET', '/api/topics/orders')
    assert.deepEqual(
      [topic['settings'], topic['policy'], topic['placement']],
      [{ 'retention.ms': '5000' }, null, { kind: 'default' }],
    )
    const [partition] = topic['partitions'] as Record<string, unknown>[]
    const fields = 'partition state leader leaderEpoch partitionEpoch replicas isr elr adding removing recovering'
    assert.deepEqual(Object.keys(partition!), fields.split(' '))
    await cluster.kill(3)
    await cluster.settle()
    const [, seen] = await ask('GET', '/api/cluster')
    assert.deepEqual(seen['partitions'], { total: 4, offline: 0, underReplicated: 3, moving: 0 })
    const brokers = seen['brokers'] as Record<string, unknown>[]
    assert.deepEqual([brokers[2]!['state'], brokers[2]!['address'], brokers[2]!['inSync']], ['down', null, 0])
    await cluster.start(3)
    await cluster.settle()
    assert.deepEqual((await ask('GET', '/api/topics/none'))[0], 404)
  })

  it('makes, shows, replaces and deletes policies', async () => {
    const definition = { 'ha-mode': 'exactly', 'ha-params': 2 }
    const [made, body] = await ask('PUT', '/api/policies/mirror/all of it', { pattern: '^orders', definition })
    assert.deepEqual(
      [made, body],
      [201, { name: 'mirror/all of it', pattern: '^orders', priority: 0, applyTo: 'all', definition }],
    )
    assert.equal(
      (await ask('PUT', '/api/policies/mirror/all of it', { pattern: '^o', definition, priority: 3 }))[0],
      200,
    )
    const [, shown] = await ask('GET', '/api/policies/mirror/all of it')
    assert.deepEqual([shown['priority'], shown['fault']], [3, null])
    assert.equal((await ask('GET', '/api/topics/orders'))[1]['policy'], 'mirror/all of it')
    assert.equal(((await ask('GET', '/api/policies'))[1]['policies'] as unknown[]).length, 1)
    assert.equal((await ask('DELETE', '/api/policies/mirror/all of it'))[0], 200)
    assert.deepEqual((await ask('DELETE', '/api/policies/mirror/all of it'))[1], {
      error: 'unknown-policy',
      message: 'There is no policy "mirror/all of it".',
    })
    await cluster.settle()
  })

  it('refuses policies that could not be carried out', async () => {
    const bad: [unknown, RegExp][] = [
      [{ pattern: '^o', definition: {} }, /empty/],
      [{ pattern: '^o' }, /definition must be an object/],
      [{ pattern: 5, definition: { 'ha-mode': 'all' } }, /"pattern"/],
      [{ pattern: '(', definition: { 'ha-mode': 'all' } }, /pattern/],
      [{ pattern: '', definition: { 'ha-mode': 'al' } }, /ha-mode must be/],
      [{ pattern: '', definition: { 'ha-mode': 'all' }, priority: '1' }, /"priority"/],
      [
        { pattern: '', definition: { 'ha-mode': 'all' }, 'apply-to': 'all' },
        /Unknown field "apply-to".*did you mean "applyTo"/,
      ],
      [{ pattern: '', definition: { 'retention.ms': 'soon' } }, /retention\.ms/],
      ['[]', /must be a JSON object/],
      ['{', /not JSON/],
    ]
    for (const [body, pattern] of bad) {
      const [status, { message }] = await ask('PUT', '/api/policies/p', body)
      assert.equal(status, 400)
      assert.match(String(message), pattern)
    }
    assert.match(
      String((await ask('PUT', '/api/policies/a\nb', { pattern: '', definition: { 'ha-mode': 'all' } }))[1]['message']),
      /name of a policy/,
    )
    assert.equal(cluster.image.policies.size, 0)
  })

  it('drains a broker, tells how far that is, and removes it', async () => {
    const [status, started] = await ask('POST', '/api/brokers/3/drain')
    assert.deepEqual([status, started['draining'], started['brokerId']], [202, true, 3])
    await cluster.settle()
    assert.deepEqual((await ask('GET', '/api/brokers/3/drain'))[1], {
      brokerId: 3,
      draining: true,
      replicas: 0,
      leaders: 0,
    })
    assert.match(String((await ask('DELETE', '/api/brokers/3'))[1]['message']), /Broker 3 is up: stop it first/)
    await cluster.kill(3)
    assert.deepEqual(await ask('DELETE', '/api/brokers/3'), [200, { brokerId: 3, removed: true }])
    assert.deepEqual((await ask('POST', '/api/brokers/3/drain'))[1]['message'], 'There is no broker 3.')
    await cluster.start(3)
    assert.equal((await ask('DELETE', '/api/brokers/3/drain'))[0], 200)
    await cluster.settle()
    for (const id of ['x', '-1', '99999999999', '1.5']) {
      assert.match(String((await ask('POST', `/api/brokers/${id}/drain`))[1]['message']), /whole number/)
    }
  })

  it('moves partitions and takes that back', async () => {
    const partitions = [
      { topic: 'by-hand', partition: 0, replicas: [2, 3] },
      { topic: 'orders', partition: 1, replicas: [9] },
    ]
    const [status, outcome] = await ask('POST', '/api/reassignments', { partitions })
    assert.deepEqual(
      [status, outcome],
      [
        200,
        {
          done: 1,
          failed: 1,
          results: [
            { topic: 'by-hand', partition: 0 },
            { topic: 'orders', partition: 1, error: 'invalid-replica-assignment', message: 'broker 9 is not up' },
          ],
        },
      ],
    )
    const [, { reassignments }] = await ask('GET', '/api/reassignments')
    assert.deepEqual(reassignments, [
      { topic: 'by-hand', partition: 0, replicas: [2, 3, 1], adding: [2, 3], removing: [1] },
    ])
    const back = { partitions: [{ topic: 'by-hand', partition: 0, replicas: null }] }
    assert.equal((await ask('POST', '/api/reassignments', back))[1]['done'], 1)
    assert.deepEqual((await ask('GET', '/api/reassignments'))[1], { reassignments: [] })
    await cluster.settle()
  })

  it('holds elections', async () => {
    await ask('POST', '/api/elections', { kind: 'preferred' })
    for (const { partitions } of cluster.image.topics.values()) {
      for (const { leader, replicas } of partitions) assert.equal(leader, replicas[0])
    }
    const [, none] = await ask('POST', '/api/elections', { kind: 'preferred' })
    assert.deepEqual(none, { done: 0, failed: 0, results: [] })
    const [, named] = await ask('POST', '/api/elections', {
      kind: 'unclean',
      partitions: [{ topic: 'by-hand', partition: 0 }],
    })
    assert.deepEqual((named['results'] as Record<string, unknown>[])[0]!['error'], 'election-not-needed')
    assert.match(String((await ask('POST', '/api/elections', { kind: 'unclean' }))[1]['message']), /may lose/)
    assert.match(String((await ask('POST', '/api/elections', {}))[1]['message']), /"kind"/)
  })

  it('names what is wrong with a list of partitions', async () => {
    const bad: [unknown, number, RegExp][] = [
      [{}, 400, /list of 1 to/],
      [{ partitions: [] }, 400, /list of 1 to/],
      [{ partitions: Array.from({ length: 10_001 }, () => 0) }, 400, /list of 1 to/],
      [{ partitions: [1] }, 400, /must be a JSON object/],
      [{ partitions: [{ topic: 'orders', partition: 0, replica: [1] }] }, 400, /did you mean "replicas"/],
      [{ partitions: [{ topic: 'orders', partition: -1, replicas: [1] }] }, 400, /"partition"/],
      [{ partitions: [{ topic: 'orders', partition: 7, replicas: [1] }] }, 400, /partitions 0 to 2/],
      [{ partitions: [{ topic: 'orders', partition: 0 }] }, 400, /"replicas"/],
      [{ partitions: [{ topic: 'orders', partition: 0, replicas: ['1'] }] }, 400, /"replicas"/],
      [{ partitions: [{ topic: 'none', partition: 0, replicas: [1] }] }, 404, /no topic "none"/],
    ]
    for (const [body, wanted, pattern] of bad) {
      const [status, { message }] = await ask('POST', '/api/reassignments', body)
      assert.deepEqual([status, pattern.test(String(message))], [wanted, true], String(message))
    }
  })

  it('adds the replicas that a manual policy leaves out', async () => {
    const definition = { 'ha-mode': 'all', 'ha-sync-mode': 'manual' }
    await cluster.createTopic('late', { assignment: [[1]], placement: { kind: 'factor', factor: 1 } })
    await ask('PUT', '/api/policies/p', { pattern: '^late$', definition })
    await cluster.settle()
    assert.equal(cluster.topic('late').partitions[0]!.replicas.length, 1)
    assert.equal((await ask('POST', '/api/topics/late/sync'))[1]['done'], 1)
    await cluster.settle()
    assert.equal(cluster.topic('late').partitions[0]!.inSyncReplicas.length, 3)
    await ask('DELETE', '/api/policies/p')
  })

  it('says which paths and methods there are', async () => {
    const response = await answerApi(request('PATCH', '/api/policies/x'), undefined, loopback)
    assert.deepEqual([response.status, response.headers['allow']], [405, 'GET, HEAD, PUT, DELETE'])
    const missing = await answerApi(request('GET', '/api/clusters'), undefined, loopback)
    assert.deepEqual([missing.status, bodyOf(missing)['hint']], [404, 'Did you mean /api/cluster?'])
    const early = await answerApi(request('GET', '/api/cluster'), undefined, loopback)
    assert.deepEqual([early.status, bodyOf(early)['error']], [503, 'starting'])
    const head = await answerApi(request('HEAD', '/api/cluster'), sourcesOf(cluster, 1), loopback)
    assert.deepEqual([head.status, head.body], [200, ''])
  })

  it('is in docs/http-api.md, path by path', () => {
    const text = readFileSync(new URL('../../../../docs/http-api.md', import.meta.url), 'utf8')
    for (const { path, actions } of routes) {
      for (const method of Object.keys(actions)) {
        assert.ok(text.includes(`\`${method} ${path.replace('…', '')}\``), `${method} ${path} in docs/http-api.md`)
      }
    }
  })
})
