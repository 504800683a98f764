import assert from 'node:assert/strict'
import { readFileSync, writeFileSync } from 'node:fs'
import { after, before, describe, it } from 'node:test'
import { findApi } from '@polylog/wire'
import type { Authorizer } from '../auth/authorizer.ts'
import { openAcls } from '../auth/acl.fixture.ts'
import { createNodeHost } from '../host/node/node-host.ts'
import { handlers } from './dispatch.ts'
import { apiRights } from './testing/rights/api-rights.ts'
import { rightsTable } from './testing/rights/rights-table.ts'
import { names } from './testing/rights/right.ts'
import type { Right, RightsCase, World } from './testing/rights/right.ts'
import { TestBroker } from './testing/test-broker.ts'
import type { TestClient } from './testing/test-client.ts'

/** The table there is made from the code. */
const page = new URL('../../../../docs/security.md', import.meta.url)
const begin = '<!-- begin: made by packages/broker/src/kafka/permission.test.ts -->'
const end = '<!-- end -->'

const refusals = { topic: 29, group: 30, cluster: 31, 'transactional-id': 53, user: -1 } as const
const refusalCodes: readonly number[] = Object.values(refusals)

/** Allows what a test grants, to the letter: no right implies another. */
class GrantedRights implements Authorizer {
  /** Undefined: all that there are. */
  rights: readonly Pick<Right, 'operation' | 'type' | 'name'>[] | undefined

  isAllowed(...[, , operation, { type, name }]: Parameters<Authorizer['isAllowed']>): boolean {
    const isIt = (right: Pick<Right, 'operation' | 'type' | 'name'>): boolean =>
      right.operation === operation && right.type === type && right.name === name
    return this.rights?.some(isIt) ?? true
  }

  isAllowedSomewhere(...[, , operation, type]: Parameters<Authorizer['isAllowedSomewhere']>): boolean {
    return this.rights?.some((right) => right.operation === operation && right.type === type) ?? true
  }
}

describe('rights', () => {
  const granted = new GrantedRights()
  let broker: TestBroker
  let client: TestClient
  let acls: Awaited<ReturnType<typeof openAcls>>

  before(async () => {
    acls = await openAcls()
    const listen = { host: '127.0.0.1', port: 0 }
    const also = () => ({ authorizer: granted, acls: acls.admin })
    broker = await TestBroker.start({}, createNodeHost(), listen, also)
    client = await broker.connect()
  })
  after(async () => {
    await broker.stop()
    await acls.close()
    assert.deepEqual(broker.errors(), [])
  })

  /** Puts things back as the requests of the table expect them. */
  async function makeWorld(): Promise<World> {
    for (const { name, internal } of broker.topics.list()) if (!internal) await broker.topics.delete(name)
    const { topicId } = await broker.makeTopic(names.topic)
    const partitions = [{ partition: 0, offset: 1, leaderEpoch: -1, metadata: '' }]
    const topics = [{ topic: names.topic, partitions }]
    await broker.groups.commitOffsets({ groupId: names.group, memberId: '', instanceId: null, generation: -1, topics })
    await makeShareGroup()
    return { broker, topicId, callFreely: (api, version, request) => client.call(api, version, request) }
  }

  /** One without members. */
  async function makeShareGroup(): Promise<void> {
    const { shareGroups } = broker
    const member = { groupId: names.shareGroup, rackId: null, subscribedTopicNames: [], clientId: '', clientHost: '' }
    const present = shareGroups.describe([names.shareGroup]).flatMap(({ members }) => members)
    for (const { memberId } of present) await shareGroups.heartbeat({ ...member, memberId, memberEpoch: -1 })
    if (shareGroups.has(names.shareGroup)) return
    await shareGroups.heartbeat({ ...member, memberId: 'first', memberEpoch: 0 })
    await shareGroups.heartbeat({ ...member, memberId: 'first', memberEpoch: -1 })
  }

  /** Everything that a request might have changed. */
  function stateOf(): unknown {
    return structuredClone({
      topics: broker.topics.list().map(({ name, partitions, configs }) => [name, partitions.length, configs]),
      log: [...broker.topics.replicas()].map((each) => [each.topicName, each.logStartOffset, each.logEndOffset]),
      groups: broker.groups.list({ states: [], types: [] }),
      shareGroups: broker.shareGroups.list(),
      acknowledged: broker.queues.acknowledged,
      offsets: broker.groups.fetchOffsets({ groupId: names.group, topics: null, requireStable: false }),
      users: [...broker.image.users.keys()],
      rules: acls.admin.list({}),
      asked: [broker.clusterAdmin.reassignments, broker.clusterAdmin.elections],
    })
  }

  async function ask(key: number, version: number, each: RightsCase, rights: readonly Right[]): Promise<unknown> {
    granted.rights = undefined
    const world = await makeWorld()
    const request = await each.request(version, world)
    const before = stateOf()
    granted.rights = rights
    const answer = await client.call(findApi(key)! as never, version, request as never)
    if (codesIn(answer).some((code) => refusalCodes.includes(code))) assert.deepEqual(stateOf(), before)
    return answer
  }

  it('are known of every API that is served, and of no other', () => {
    assert.deepEqual(
      apiRights.map(({ api }) => api.name),
      handlers.map(({ api }) => api.name),
    )
  })

  it('stand in docs/security.md as they are here', () => {
    const text = readFileSync(page, 'utf8')
    const [head, tail] = [text.slice(0, text.indexOf(begin) + begin.length), text.slice(text.indexOf(end))]
    const wanted = `${head}\n${rightsTable(apiRights)}${tail}`
    if (process.env['UPDATE_DOCS']) writeFileSync(page, wanted)
    else assert.equal(text, wanted, 'run this test with UPDATE_DOCS=1 and look at the difference')
  })

  for (const { api, cases } of apiRights) {
    for (const each of cases) {
      const [first, last] = each.versions
      it(`${api.name}: ${each.title}`, async () => {
        for (let version = first; version <= last; version++) {
          const label = (rights: readonly Right[]): string => `version ${version} with ${rights.map(nameOf).join(', ')}`
          for (const way of each.ways) {
            const full = await ask(api.key, version, each, way)
            assert.deepEqual(refusalsIn(full), [], label(way))
            for (const { hides } of way) if (hides !== undefined) assert.ok(mentions(full, hides), label(way))
            for (const right of way) {
              const rest = way.filter((other) => other !== right)
              const answer = await ask(api.key, version, each, rest)
              if (right.hides !== undefined) {
                assert.ok(!mentions(answer, right.hides), label(rest))
                assert.deepEqual(refusalsIn(answer), [], label(rest))
              } else assert.deepEqual(refusalsIn(answer), [refusals[each.refusedAs ?? right.type]], label(rest))
            }
          }
        }
      })
    }
  }
})

function nameOf({ operation, type, name }: Right): string {
  return `${operation} of ${type} ${name}`
}

/** All error codes in an answer, at whatever depth. */
function codesIn(value: unknown): number[] {
  if (typeof value !== 'object' || value === null || ArrayBuffer.isView(value)) return []
  return Object.entries(value).flatMap(([field, each]) => (field === 'errorCode' ? [each as number] : codesIn(each)))
}

/** Of those, the refusals, each once. */
function refusalsIn(answer: unknown): number[] {
  return [...new Set(codesIn(answer).filter((code) => refusalCodes.includes(code)))]
}

function mentions(answer: unknown, name: string): boolean {
  return JSON.stringify(answer).includes(`"${name}"`)
}
